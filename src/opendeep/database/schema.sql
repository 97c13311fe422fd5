-- The schema of OpenDeep as PostgreSQL DDL. Rendered from the models by `opendeep db schema`; do not edit.

CREATE TABLE caller_ids (
    trunk VARCHAR(60) NOT NULL,
    number VARCHAR(20) NOT NULL,
    uses INTEGER NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_caller_ids PRIMARY KEY (trunk, number)
);

CREATE TABLE trunks (
    name VARCHAR(60) NOT NULL,
    tokens DOUBLE PRECISION,
    tokens_at TIMESTAMP WITH TIME ZONE,
    breaker VARCHAR(12) NOT NULL,
    recent VARCHAR(40) NOT NULL,
    openings INTEGER NOT NULL,
    reason TEXT,
    until TIMESTAMP WITH TIME ZONE,
    paused TEXT,
    CONSTRAINT pk_trunks PRIMARY KEY (name),
    CONSTRAINT ck_trunks_breaker CHECK (breaker IN ('CLOSED', 'OPEN', 'HALF_OPEN'))
);

CREATE TABLE users (
    id UUID NOT NULL,
    name VARCHAR(80) NOT NULL,
    profile JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_name UNIQUE (name)
);

CREATE TABLE chats (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_chats PRIMARY KEY (id),
    CONSTRAINT fk_chats_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE INDEX ix_chats_user_id ON chats (user_id);

CREATE TABLE contacts (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    name VARCHAR(200) NOT NULL,
    kind VARCHAR(12) NOT NULL,
    phone_number VARCHAR(20) NOT NULL,
    timezone VARCHAR(64),
    language VARCHAR(20),
    notes TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_contacts PRIMARY KEY (id),
    CONSTRAINT ck_contacts_kind CHECK (kind IN ('person', 'business')),
    CONSTRAINT uq_contacts_user_id_phone_number UNIQUE (user_id, phone_number),
    CONSTRAINT fk_contacts_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE INDEX ix_contacts_user_id_name ON contacts (user_id, name);

CREATE TABLE lifecycle_looks (
    user_id UUID NOT NULL,
    looked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    taken INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    CONSTRAINT pk_lifecycle_looks PRIMARY KEY (user_id),
    CONSTRAINT fk_lifecycle_looks_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE profile_versions (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    version INTEGER NOT NULL,
    profile JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_profile_versions PRIMARY KEY (id),
    CONSTRAINT uq_profile_versions_user_id_version UNIQUE (user_id, version),
    CONSTRAINT fk_profile_versions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE campaign_plans (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    chat_id UUID NOT NULL,
    status VARCHAR(12) NOT NULL,
    plan JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_campaign_plans PRIMARY KEY (id),
    CONSTRAINT ck_campaign_plans_status CHECK (status IN ('DRAFT', 'CONFIRMED')),
    CONSTRAINT fk_campaign_plans_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_campaign_plans_chat_id FOREIGN KEY(chat_id) REFERENCES chats (id)
);

CREATE INDEX ix_campaign_plans_chat_id ON campaign_plans (chat_id);

CREATE INDEX ix_campaign_plans_user_id ON campaign_plans (user_id);

CREATE TABLE chat_messages (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    chat_id UUID NOT NULL,
    position INTEGER NOT NULL,
    role VARCHAR(12) NOT NULL,
    content TEXT NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_chat_messages PRIMARY KEY (id),
    CONSTRAINT uq_chat_messages_chat_id_position UNIQUE (chat_id, position),
    CONSTRAINT fk_chat_messages_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_chat_messages_chat_id FOREIGN KEY(chat_id) REFERENCES chats (id)
);

CREATE TABLE campaigns (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    plan_id UUID NOT NULL,
    title VARCHAR(200) NOT NULL,
    objective TEXT NOT NULL,
    status VARCHAR(12) NOT NULL,
    report JSONB,
    tasks_planned INTEGER DEFAULT 0 NOT NULL,
    tasks_prepared INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_campaigns PRIMARY KEY (id),
    CONSTRAINT ck_campaigns_status CHECK (status IN ('PREPARING', 'ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    CONSTRAINT fk_campaigns_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT uq_campaigns_plan_id UNIQUE (plan_id),
    CONSTRAINT fk_campaigns_plan_id FOREIGN KEY(plan_id) REFERENCES campaign_plans (id)
);

CREATE INDEX ix_campaigns_active ON campaigns (user_id, id) WHERE status = 'ACTIVE';

CREATE INDEX ix_campaigns_preparing ON campaigns (id) WHERE status = 'PREPARING';

CREATE INDEX ix_campaigns_user_id_created_at ON campaigns (user_id, created_at);

CREATE TABLE dnd_removals (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    campaign_id UUID,
    phone_number VARCHAR(20) NOT NULL,
    scope VARCHAR(12) NOT NULL,
    reason TEXT NOT NULL,
    source VARCHAR(40) NOT NULL,
    removed_because TEXT NOT NULL,
    listed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_dnd_removals PRIMARY KEY (id),
    CONSTRAINT fk_dnd_removals_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_dnd_removals_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
);

CREATE INDEX ix_dnd_removals_user_id_removed_at ON dnd_removals (user_id, removed_at);

CREATE TABLE tasks (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    position INTEGER NOT NULL,
    contact_name VARCHAR(200) NOT NULL,
    contact_kind VARCHAR(12) NOT NULL,
    phone_number VARCHAR(20) NOT NULL,
    timezone VARCHAR(64),
    address TEXT,
    objective TEXT NOT NULL,
    brief JSONB NOT NULL,
    status VARCHAR(20) NOT NULL,
    status_reason TEXT NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE,
    promised_at TIMESTAMP WITH TIME ZONE,
    refused_for VARCHAR(32),
    lease_owner VARCHAR(120),
    lease_expires_at TIMESTAMP WITH TIME ZONE,
    disposition VARCHAR(24),
    summary TEXT,
    result JSONB NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_tasks PRIMARY KEY (id),
    CONSTRAINT ck_tasks_status CHECK (status IN ('SCHEDULED', 'QUEUED_FOR_CALL', 'CALL_IN_PROGRESS', 'PENDING_ANALYSIS', 'NEEDS_USER', 'ON_HOLD', 'COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT ck_tasks_disposition CHECK (disposition IN ('ACHIEVED', 'DECLINED', 'CALLBACK_REQUESTED', 'OPTED_OUT', 'WRONG_NUMBER', 'VOICEMAIL_LEFT', 'VOICEMAIL', 'INCONCLUSIVE', 'NO_ANSWER', 'BUSY', 'REJECTED', 'UNREACHABLE', 'FAILED')),
    CONSTRAINT uq_tasks_campaign_id_position UNIQUE (campaign_id, position),
    CONSTRAINT fk_tasks_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_tasks_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
);

CREATE INDEX ix_tasks_analysis ON tasks ((CASE WHEN lease_expires_at > coalesce(next_attempt_at, updated_at) THEN lease_expires_at ELSE coalesce(next_attempt_at, updated_at) END)) WHERE status = 'PENDING_ANALYSIS';

CREATE INDEX ix_tasks_campaign_id_contact_name ON tasks (campaign_id, contact_name, position);

CREATE INDEX ix_tasks_campaign_id_status ON tasks (campaign_id, status);

CREATE INDEX ix_tasks_done_but_due ON tasks (user_id) WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND next_attempt_at IS NOT NULL;

CREATE INDEX ix_tasks_due ON tasks (campaign_id, priority DESC, (CASE WHEN lease_expires_at > coalesce(next_attempt_at, updated_at) THEN lease_expires_at ELSE coalesce(next_attempt_at, updated_at) END)) WHERE status = 'SCHEDULED';

CREATE INDEX ix_tasks_on_line ON tasks (user_id, campaign_id) WHERE status IN ('QUEUED_FOR_CALL', 'CALL_IN_PROGRESS');

CREATE INDEX ix_tasks_open ON tasks (user_id, updated_at) WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED');

CREATE INDEX ix_tasks_queued ON tasks (updated_at) WHERE status = 'QUEUED_FOR_CALL';

CREATE INDEX ix_tasks_unfinished ON tasks (campaign_id, updated_at) WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED');

CREATE INDEX ix_tasks_user_id_phone_number ON tasks (user_id, phone_number);

CREATE INDEX ix_tasks_waiting ON tasks (campaign_id, coalesce(CASE WHEN lease_expires_at > coalesce(next_attempt_at, updated_at) THEN lease_expires_at END, coalesce(next_attempt_at, updated_at))) WHERE status = 'SCHEDULED';

CREATE TABLE calls (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    task_id UUID NOT NULL,
    attempt_number INTEGER NOT NULL,
    status VARCHAR(20) NOT NULL,
    phone_number VARCHAR(20) NOT NULL,
    caller_id VARCHAR(20),
    node_id VARCHAR(100) NOT NULL,
    trunk VARCHAR(60),
    second_trunk VARCHAR(60),
    lease_expires_at TIMESTAMP WITH TIME ZONE,
    disposition VARCHAR(24),
    end_reason TEXT,
    hangup_cause INTEGER,
    sip_code INTEGER,
    analysis JSONB,
    usage JSONB NOT NULL,
    recording_path TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ringing_at TIMESTAMP WITH TIME ZONE,
    answered_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_calls PRIMARY KEY (id),
    CONSTRAINT ck_calls_status CHECK (status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS', 'COMPLETED', 'BUSY', 'NO_ANSWER', 'REJECTED', 'UNALLOCATED', 'CONGESTION', 'FAILED', 'CANCELLED', 'LOST')),
    CONSTRAINT uq_calls_task_id_attempt_number UNIQUE (task_id, attempt_number),
    CONSTRAINT fk_calls_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_calls_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_calls_task_id FOREIGN KEY(task_id) REFERENCES tasks (id)
);

CREATE INDEX ix_calls_campaign_id ON calls (campaign_id);

CREATE INDEX ix_calls_live_trunk ON calls (trunk) WHERE status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS');

CREATE INDEX ix_calls_phone_number_created_at ON calls (phone_number, created_at);

CREATE INDEX ix_calls_user_id_created_at ON calls (user_id, created_at);

CREATE UNIQUE INDEX uq_calls_live_task ON calls (task_id) WHERE status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS');

CREATE TABLE lifecycle_decisions (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    campaign_id UUID,
    task_id UUID,
    rule VARCHAR(40) NOT NULL,
    observation TEXT NOT NULL,
    action VARCHAR(40) NOT NULL,
    reason TEXT NOT NULL,
    expected TEXT NOT NULL,
    result TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    facts JSONB DEFAULT '{}' NOT NULL,
    decided_by VARCHAR(8) DEFAULT 'rule' NOT NULL,
    state VARCHAR(12) DEFAULT 'DONE' NOT NULL,
    undo JSONB,
    settled_at TIMESTAMP WITH TIME ZONE,
    undone_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_lifecycle_decisions PRIMARY KEY (id),
    CONSTRAINT fk_lifecycle_decisions_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_lifecycle_decisions_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_lifecycle_decisions_task_id FOREIGN KEY(task_id) REFERENCES tasks (id)
);

CREATE INDEX ix_lifecycle_decisions_task_id ON lifecycle_decisions (task_id);

CREATE INDEX ix_lifecycle_decisions_unsettled ON lifecycle_decisions (user_id, created_at) WHERE result IS NULL AND state = 'DONE';

CREATE INDEX ix_lifecycle_decisions_user_id_created_at ON lifecycle_decisions (user_id, created_at);

CREATE TABLE call_events (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    campaign_id UUID,
    task_id UUID,
    call_id UUID,
    kind VARCHAR(60) NOT NULL,
    detail TEXT NOT NULL,
    data JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_call_events PRIMARY KEY (id),
    CONSTRAINT fk_call_events_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_call_events_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_call_events_task_id FOREIGN KEY(task_id) REFERENCES tasks (id),
    CONSTRAINT fk_call_events_call_id FOREIGN KEY(call_id) REFERENCES calls (id)
);

CREATE INDEX ix_call_events_call_id ON call_events (call_id);

CREATE INDEX ix_call_events_campaign ON call_events (campaign_id, created_at) WHERE task_id IS NULL;

CREATE INDEX ix_call_events_task_id ON call_events (task_id);

CREATE TABLE call_transcripts (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    call_id UUID NOT NULL,
    turn INTEGER NOT NULL,
    speaker VARCHAR(8) NOT NULL,
    text TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    interrupted BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_call_transcripts PRIMARY KEY (id),
    CONSTRAINT ck_call_transcripts_speaker CHECK (speaker IN ('ai', 'callee', 'user')),
    CONSTRAINT uq_call_transcripts_call_id_turn UNIQUE (call_id, turn),
    CONSTRAINT fk_call_transcripts_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_call_transcripts_call_id FOREIGN KEY(call_id) REFERENCES calls (id)
);

CREATE TABLE contact_facts (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    contact_id UUID NOT NULL,
    key VARCHAR(40),
    text TEXT NOT NULL,
    source VARCHAR(8) NOT NULL,
    call_id UUID,
    turns JSONB NOT NULL,
    quote TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_contact_facts PRIMARY KEY (id),
    CONSTRAINT ck_contact_facts_source CHECK (source IN ('user', 'call')),
    CONSTRAINT fk_contact_facts_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_contact_facts_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id),
    CONSTRAINT fk_contact_facts_call_id FOREIGN KEY(call_id) REFERENCES calls (id)
);

CREATE INDEX ix_contact_facts_contact_id ON contact_facts (contact_id);

CREATE TABLE dnd_list (
    id UUID NOT NULL,
    user_id UUID,
    campaign_id UUID,
    phone_number VARCHAR(20) NOT NULL,
    scope VARCHAR(12) NOT NULL,
    reason TEXT NOT NULL,
    source VARCHAR(40) NOT NULL,
    call_id UUID,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_dnd_list PRIMARY KEY (id),
    CONSTRAINT ck_dnd_list_scope CHECK (scope IN ('USER', 'CAMPAIGN', 'GLOBAL')),
    CONSTRAINT ck_dnd_list_owner CHECK ((scope = 'GLOBAL') = (user_id IS NULL)),
    CONSTRAINT ck_dnd_list_campaign CHECK ((scope = 'CAMPAIGN') = (campaign_id IS NOT NULL)),
    CONSTRAINT fk_dnd_list_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_dnd_list_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_dnd_list_call_id FOREIGN KEY(call_id) REFERENCES calls (id)
);

CREATE INDEX ix_dnd_list_phone_number ON dnd_list (phone_number);

CREATE UNIQUE INDEX uq_dnd_list_campaign ON dnd_list (campaign_id, phone_number) WHERE scope = 'CAMPAIGN';

CREATE UNIQUE INDEX uq_dnd_list_global ON dnd_list (phone_number) WHERE scope = 'GLOBAL';

CREATE UNIQUE INDEX uq_dnd_list_user ON dnd_list (user_id, phone_number) WHERE scope = 'USER';

CREATE TABLE feedback_requests (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    task_id UUID NOT NULL,
    call_id UUID,
    tool_call_id VARCHAR(80),
    kind VARCHAR(12) NOT NULL,
    question TEXT NOT NULL,
    options JSONB NOT NULL,
    sets VARCHAR(20),
    status VARCHAR(12) NOT NULL,
    answer TEXT,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    answered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_feedback_requests PRIMARY KEY (id),
    CONSTRAINT ck_feedback_requests_status CHECK (status IN ('PENDING', 'ANSWERED', 'EXPIRED', 'CANCELLED')),
    CONSTRAINT ck_feedback_requests_kind CHECK (kind IN ('LIVE', 'DECISION')),
    CONSTRAINT uq_feedback_requests_call_id_tool_call_id UNIQUE (call_id, tool_call_id),
    CONSTRAINT fk_feedback_requests_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_feedback_requests_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_feedback_requests_task_id FOREIGN KEY(task_id) REFERENCES tasks (id),
    CONSTRAINT fk_feedback_requests_call_id FOREIGN KEY(call_id) REFERENCES calls (id)
);

CREATE INDEX ix_feedback_requests_overdue ON feedback_requests (expires_at) WHERE status = 'PENDING';

CREATE INDEX ix_feedback_requests_task_id ON feedback_requests (task_id);

CREATE INDEX ix_feedback_requests_user_id_status ON feedback_requests (user_id, status);

CREATE UNIQUE INDEX uq_feedback_requests_open_call ON feedback_requests (call_id) WHERE status = 'PENDING' AND kind = 'LIVE';
