// The page: puts the parts together and owns what the user does. Rules are on the server.

import { ApiError, api } from "./api.js";
import { showBanner } from "./banner.js";
import { CallDialog } from "./call_dialog.js";
import { CampaignCard } from "./campaign_card.js";
import { Chat } from "./chat.js";
import { byId, fill, h, setText } from "./dom.js";
import { campaignState, clockTime } from "./labels.js";
import { Live } from "./live.js";
import { pill } from "./parts.js";
import { Questions } from "./questions.js";
import { World } from "./world.js";

const STATUS_EVERY_MS = 30_000;
const RECENT_CAMPAIGNS = 5;
const EXAMPLES = [
  "Book me a dentist appointment on Tuesday morning.",
  "Call Anna Meyer at +1 202 555 0101 and ask whether Tuesday at ten works for the boiler inspection.",
  "Ask Harbour Dental Practice for their opening hours.",
];
const CONNECTION_WORDS = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Connection lost. Reconnecting…",
  off: "",
};

class Page {
  constructor() {
    this.user = null;
    this.chatId = null;
    this.busy = false;
    this.clockOffsetMs = 0;
    this.cards = new Map();
    this.world = new World();
    this.chat = new Chat({ send: (body) => this.send(body), confirm: (planId) => this.confirm(planId) });
    this.dialog = new CallDialog({
      load: (callId) => api.call(callId),
      recordingUrl: api.recordingUrl,
      nameOf: (call) => this.world.tasks.get(call.task_id)?.contact_name ?? call.phone_number,
    });
    this.questions = new Questions({
      answer: (id, text) => this.answer(id, text),
      nameOf: (question) => this.world.tasks.get(question.task_id)?.contact_name ?? "",
      now: () => Date.now() + this.clockOffsetMs,
    });
    this.live = new Live({
      onState: (state) => this.showConnection(state),
      onHello: (hello) => this.hello(hello),
      onEvent: (event) => this.world.receive(event),
      onResync: () => this.refetch(),
    });
    this.world.onChange = (kind, id) => this.changed(kind, id);
    this.world.onGap = () => this.refetch();
  }

  async start() {
    this.bindComposer();
    this.bindUser();
    this.showExamples();
    this.refreshStatus();
    setInterval(() => this.refreshStatus(), STATUS_EVERY_MS);
    try {
      const { user } = await api.session();
      this.signedIn(user);
      await this.restore();
    } catch (problem) {
      if (!(problem instanceof ApiError && problem.status === 401)) this.fail(problem);
    }
    this.showEmpty();
    document.documentElement.dataset.ready = "yes";
  }

  // -- who is here

  signedIn(user) {
    this.user = user;
    byId("user-name").hidden = true;
    document.querySelector('label[for="user-name"]').hidden = true;
    const name = byId("signed-in-name");
    setText(name, user.name);
    name.hidden = false;
    byId("sign-out").hidden = false;
    byId("new-chat").hidden = false;
    this.live.start();
  }

  bindUser() {
    byId("sign-out").addEventListener("click", async () => {
      this.live.stop();
      try {
        await api.signOut();
        location.reload();
      } catch (problem) {
        this.fail(problem);
      }
    });
    byId("new-chat").addEventListener("click", async () => {
      this.remember(null);
      this.chat.clear();
      this.cards.clear();
      this.showEmpty();
      byId("message").focus();
      try {
        this.recent = (await api.campaigns()).campaigns;
        this.showEmpty();
      } catch (problem) {
        this.fail(problem);
      }
    });
  }

  remember(chatId) {
    this.chatId = chatId;
    const key = `opendeep.chat.${this.user.id}`;
    if (chatId) localStorage.setItem(key, chatId);
    else localStorage.removeItem(key);
  }

  /** After a reload: the same chat with its campaigns. */
  async restore() {
    const { campaigns } = await api.campaigns();
    this.recent = campaigns;
    const chatId = localStorage.getItem(`opendeep.chat.${this.user.id}`);
    if (!chatId) return;
    let history;
    try {
      history = await api.history(chatId);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.remember(null);
      return;
    }
    this.chatId = chatId;
    const byPlan = new Map(campaigns.map((campaign) => [campaign.plan_id, campaign]));
    this.chat.showHistory(history.messages, (planId) => byPlan.has(planId), (planId) => this.showCampaign(byPlan.get(planId)));
  }

  // -- the chat

  bindComposer() {
    const form = byId("composer");
    const input = byId("message");
    const grow = () => {
      input.style.height = "auto";
      input.style.height = `${Math.min(input.scrollHeight, 220)}px`;
    };
    input.addEventListener("input", grow);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const message = input.value.trim();
      if (!message || this.busy) return;
      input.value = "";
      grow();
      try {
        await this.send({ message });
      } catch {
        // `send` has shown the problem; the words go back into the box
        if (!input.value) input.value = message;
        grow();
      }
    });
  }

  /** Send one message or the answers of a form. Rejects with the problem after showing it. */
  async send(body) {
    if (this.busy) throw new ApiError(0, "Busy", "Please wait for the answer to your last message.");
    this.setBusy(true);
    this.fail(null);
    const shown = this.chat.showUser(body.message, body.form_answers);
    this.showEmpty();
    this.chat.setThinking(true);
    try {
      const request = { ...body };
      if (this.chatId) request.chat_id = this.chatId;
      if (!this.user) request.user_name = byId("user-name").value.trim();
      const reply = await api.chat(request);
      if (!this.user) this.signedIn(reply.user);
      this.remember(reply.chat_id);
      if (body.message) this.chat.closeForm();
      this.chat.setThinking(false);
      this.chat.showAssistant(reply);
    } catch (problem) {
      this.chat.setThinking(false);
      shown.remove();
      this.showEmpty();
      this.fail(problem);
      throw problem;
    } finally {
      this.setBusy(false);
    }
  }

  async confirm(planId) {
    const { campaign } = await api.execute(planId);
    this.world.putCampaign(campaign);
    this.showCampaign(campaign);
  }

  setBusy(busy) {
    this.busy = busy;
    byId("send").disabled = busy;
    byId("user-name").disabled = busy;
    byId("composer").setAttribute("aria-busy", String(busy));
  }

  fail(problem) {
    setText(byId("composer-error"), problem ? problem.message : "");
  }

  // -- campaigns

  showCampaign(campaign) {
    if (this.cards.has(campaign.id)) {
      this.cards.get(campaign.id).node.scrollIntoView({ block: "start" });
      return;
    }
    const card = new CampaignCard(this.world, campaign.id, {
      control: async (id, action) => this.world.putCampaign((await api.control(id, action)).campaign),
      loadTask: (taskId) => this.loadTask(taskId),
      report: (id) => api.report(id),
      openCall: (callId, turns) => this.dialog.open(callId, turns),
      recordingUrl: api.recordingUrl,
      reveal: (node) => this.chat.reveal(node),
    });
    this.cards.set(campaign.id, card);
    this.chat.showCard(card.node);
    this.showEmpty();
    this.loadCampaign(campaign.id);
  }

  async loadCampaign(id) {
    try {
      await this.world.during(() => api.campaign(id), (detail) => this.world.putDetail(detail));
      await this.loadLiveCalls(id);
    } catch (problem) {
      this.fail(problem);
    }
  }

  /** The words that were spoken before this page was looking. */
  async loadLiveCalls(campaignId) {
    const live = [...this.world.calls.values()].filter((call) => call.campaign_id === campaignId && call.status === "IN_PROGRESS");
    await Promise.all(live.map((call) => this.world.during(() => api.call(call.id), (detail) => this.world.putCall(detail))));
  }

  async loadTask(taskId) {
    try {
      await this.world.during(() => api.task(taskId), (detail) => this.world.putTask(detail));
      const answered = this.world.callsOf(taskId).filter((call) => call.answered_at);
      await Promise.all(answered.map((call) => this.world.during(() => api.call(call.id), (detail) => this.world.putCall(detail))));
    } catch (problem) {
      this.fail(problem);
    }
  }

  changed(kind, id) {
    if (kind === "feedback") this.showQuestions();
    else if (kind !== "turn") this.questions.show(this.world.pendingFeedback()); // names may be known now
    for (const card of this.cards.values()) card.touch(kind, id);
    this.chat.scrollToEnd();
  }

  // -- live

  hello(hello) {
    if (hello.now) this.clockOffsetMs = Date.parse(hello.now) - Date.now();
    this.world.putPendingFeedback(hello.feedback);
    this.refetchCards();
  }

  async refetch() {
    try {
      const { feedback } = await api.feedback();
      this.world.putPendingFeedback(feedback);
    } catch (problem) {
      this.fail(problem);
    }
    this.refetchCards();
  }

  refetchCards() {
    for (const [id, card] of this.cards) {
      this.loadCampaign(id);
      card.refresh();
    }
  }

  showConnection(state) {
    const node = byId("connection");
    setText(node, CONNECTION_WORDS[state]);
    node.hidden = state === "off";
    node.dataset.state = state;
  }

  async refreshStatus() {
    try {
      showBanner(await api.status());
    } catch {
      // The connection state says it already; the banner keeps what it knew.
    }
  }

  // -- the questions of the AI

  showQuestions() {
    const open = this.world.pendingFeedback();
    this.questions.show(open);
    for (const question of open) {
      if (!this.world.tasks.has(question.task_id)) this.loadTask(question.task_id);
    }
    this.chat.scrollToEnd();
  }

  async answer(id, text) {
    try {
      const { feedback } = await api.answer(id, text);
      this.world.receive({ type: "feedback", feedback });
    } catch (problem) {
      if (problem.status === 409) this.refetch(); // it was answered elsewhere, or its time was up
      throw problem;
    }
  }

  // -- the empty state

  showExamples() {
    const use = (text) => {
      byId("message").value = text;
      byId("message").dispatchEvent(new Event("input"));
      byId("message").focus();
    };
    fill(byId("examples"), EXAMPLES.map((text) => h("li", {}, h("button", { class: "example", type: "button", onclick: () => use(text) }, text))));
  }

  showEmpty() {
    byId("empty").hidden = !this.chat.empty;
    const recent = byId("recent");
    const campaigns = [...(this.recent ?? [])].slice(0, RECENT_CAMPAIGNS);
    recent.hidden = campaigns.length === 0;
    fill(recent, h("h3", {}, "Recent campaigns"), h("ul", {}, campaigns.map((campaign) => this.recentItem(campaign))));
  }

  recentItem(campaign) {
    const [label, tone] = campaignState(campaign.status);
    const open = () => {
      this.world.putCampaign(campaign);
      this.showCampaign(campaign);
    };
    return h(
      "li",
      {},
      h("button", { class: "recent-campaign", type: "button", onclick: open }, h("span", {}, campaign.title), pill(label, tone), h("span", { class: "muted" }, clockTime(campaign.created_at))),
    );
  }
}

new Page().start();
