// The page: puts the parts together and owns what the user does. Rules are on the server.

import { ApiError, api } from "./api.js";
import { showBanner } from "./banner.js";
import { CallDialog } from "./call_dialog.js";
import { Campaigns } from "./campaigns.js";
import { Chat, STOPPED } from "./chat.js";
import { ConnectionLost, chatRound } from "./chat_stream.js";
import { byId, fill, h, setText } from "./dom.js";
import { campaignState, clockTime, isLiveCall } from "./labels.js";
import { importCard } from "./import_card.js";
import { listenForFiles } from "./import_drop.js";
import { Live } from "./live.js";
import { pill } from "./parts.js";
import { Phone } from "./phone.js";
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
    this.world = new World();
    this.chat = new Chat({
      send: (body) => this.send(body),
      confirm: (planId) => this.confirm(planId),
      preflight: (planId) => api.preflight(planId),
      change: async (planId, changes) => this.chat.showAssistant(await api.changePlan(planId, changes)),
    });
    this.dialog = new CallDialog({
      load: (callId) => api.call(callId),
      readAgain: (callId) => api.readAgain(callId),
      recordingUrl: api.recordingUrl,
      nameOf: (call) => this.world.tasks.get(call.task_id)?.contact_name ?? call.phone_number,
    });
    this.campaigns = new Campaigns({
      world: this.world,
      openCall: (callId, turns) => this.dialog.open(callId, turns),
      place: (node) => this.place(node),
      reveal: (node) => this.chat.reveal(node),
      fail: (problem) => this.fail(problem),
    });
    this.questions = new Questions({
      answer: (id, text) => this.answer(id, text),
      leave: (id) => this.world.leaveFeedback(id),
      isOver: (question) => {
        const call = this.world.calls.get(question.call_id);
        return question.status === "CANCELLED" || (call !== undefined && !isLiveCall(call));
      },
      nameOf: (question) => this.world.tasks.get(question.task_id)?.contact_name ?? "",
      now: () => Date.now() + this.clockOffsetMs,
    });
    this.live = new Live({
      onState: (state) => this.showConnection(state),
      onHello: (hello) => this.hello(hello),
      onEvent: (event) => this.world.receive(event),
      onResync: () => this.refetch(),
    });
    this.phone = new Phone({ node: byId("phone"), toggle: byId("phone-toggle"), news: byId("phone-news") });
    this.world.onChange = (kind, id) => this.changed(kind, id);
    this.world.onGap = () => this.refetch();
  }

  async start() {
    this.bindComposer();
    this.bindUser();
    listenForFiles(
      (file) => this.takeFile(file),
      (why) => this.fail(new ApiError(0, "File", why)),
    );
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
    byId("pages-nav").hidden = false;
    this.live.start();
    this.phone.offer(this.extension);
  }

  bindUser() {
    byId("sign-out").addEventListener("click", async () => {
      this.live.stop();
      this.phone.stop();
      try {
        await api.signOut();
        location.reload();
      } catch (problem) {
        this.fail(problem);
      }
    });
    byId("new-chat").addEventListener("click", async () => {
      this.stopping?.abort();
      this.remember(null);
      this.chat.clear();
      this.campaigns.clear();
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
    this.chat.showHistory(
      history.messages,
      (planId) => byPlan.has(planId),
      (planId) => this.campaigns.show(byPlan.get(planId)),
    );
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
    byId("stop").addEventListener("click", () => this.stopping?.abort());
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

  /** Send one message or the answers of a form, and show the answer as it comes. Rejects after showing the problem. */
  async send(body) {
    if (this.busy) throw new ApiError(0, "Busy", "Please wait for the answer to your last message.");
    this.setBusy(true);
    this.fail(null);
    const shown = this.chat.showUser(body.message, body.form_answers);
    this.showEmpty();
    const answer = this.chat.beginAnswer();
    try {
      await this.round(body, answer);
    } catch (problem) {
      if (problem instanceof ConnectionLost) {
        this.chat.leaveAnswer();
        answer.end(`${problem.message} What you see is kept.`, this.askAgain(body));
        return;
      }
      this.chat.dropAnswer();
      shown.remove();
      this.showEmpty();
      this.fail(problem);
      throw problem;
    } finally {
      this.setBusy(false);
    }
  }

  async round(body, answer) {
    const request = { ...body };
    if (this.chatId) request.chat_id = this.chatId;
    if (!this.user) request.user_name = byId("user-name").value.trim();
    this.stopping = new AbortController();
    const reply = await chatRound(request, this.stopping, (kind, data) => {
      if (kind === "opened") this.opened(data, body);
      else answer.receive(kind, data);
    });
    if (reply === null) {
      this.chat.leaveAnswer();
      answer.end(STOPPED);
    } else {
      this.chat.finishAnswer(reply);
    }
  }

  /** The server has kept the message. */
  opened({ chat_id: chatId, user }, body) {
    if (!this.user) this.signedIn(user);
    this.remember(chatId);
    if (body.message) this.chat.closeForm();
  }

  askAgain(body) {
    const again = async () => {
      button.disabled = true;
      try {
        await this.send(body);
      } catch {
        button.disabled = false; // `send` has shown the problem
      }
    };
    const button = h("button", { class: "quiet", type: "button", onclick: again }, "Ask again");
    return button;
  }

  /** A table of contacts: sent, then shown with its columns. */
  async takeFile(file) {
    if (this.busy) return;
    this.setBusy(true, { stoppable: false });
    this.fail(null);
    try {
      if (!this.user) this.signedIn((await api.signIn(byId("user-name").value.trim())).user);
      const found = await api.upload(file);
      const inThisChat = (mapping) => ({ ...mapping, chat_id: this.chatId });
      const card = importCard(found, {
        check: (mapping) => api.checkImport(found.id, inThisChat(mapping)),
        use: async (mapping) => this.answered(await api.useImport(found.id, inThisChat(mapping))),
        discard: () => api.discardImport(found.id),
        errorsUrl: api.importErrorsUrl(found.id),
      });
      this.place(card);
      card.querySelector("select")?.focus();
    } catch (problem) {
      this.fail(problem);
    } finally {
      this.setBusy(false);
    }
  }

  answered(reply) {
    this.remember(reply.chat_id);
    this.chat.showAssistant(reply);
  }

  async confirm(planId) {
    const { campaign } = await api.execute(planId);
    this.world.putCampaign(campaign);
    this.campaigns.show(campaign);
  }

  setBusy(busy, { stoppable = true } = {}) {
    this.busy = busy;
    const [send, stop] = [byId("send"), byId("stop")];
    const here = document.activeElement;
    send.disabled = busy;
    send.hidden = busy && stoppable;
    stop.hidden = !busy || !stoppable;
    if (busy && here === send) stop.focus();
    if (!busy && here === stop) byId("message").focus();
    byId("attach").disabled = busy;
    byId("user-name").disabled = busy;
    byId("composer").setAttribute("aria-busy", String(busy));
  }

  fail(problem) {
    setText(byId("composer-error"), problem ? problem.message : "");
  }

  // -- campaigns

  place(node) {
    this.chat.showCard(node);
    this.showEmpty();
  }

  changed(kind, id) {
    if (kind === "feedback") this.showQuestions();
    else if (kind !== "turn") this.questions.show(this.world.answerableFeedback()); // names may be known now
    this.campaigns.touch(kind, id);
    this.chat.scrollToEnd();
  }

  // -- live

  hello(hello) {
    if (hello.now) this.clockOffsetMs = Date.parse(hello.now) - Date.now();
    this.world.putPendingFeedback(hello.feedback);
    this.campaigns.refetch();
  }

  async refetch() {
    try {
      await this.world.during(api.feedback, ({ feedback }) => this.world.putPendingFeedback(feedback));
    } catch (problem) {
      this.fail(problem);
    }
    this.campaigns.refetch();
  }

  showConnection(state) {
    const node = byId("connection");
    setText(node, CONNECTION_WORDS[state]);
    node.hidden = state === "off";
    node.dataset.state = state;
  }

  async refreshStatus() {
    try {
      const status = await api.status();
      showBanner(status);
      if (this.extension !== status.modes.phone) this.showExamples(status.modes.phone);
      this.extension = status.modes.phone;
      if (this.user) this.phone.offer(this.extension);
    } catch {
      // The connection state says it already; the banner keeps what it knew.
    }
  }

  // -- the questions of the AI

  showQuestions() {
    const open = this.world.answerableFeedback();
    this.questions.show(open);
    for (const question of open) {
      if (!this.world.tasks.has(question.task_id)) this.campaigns.loadTask(question.task_id);
    }
    this.chat.scrollToEnd();
  }

  async answer(id, text) {
    try {
      const { feedback } = await api.answer(id, text);
      this.world.receive({ type: "feedback", feedback });
      return feedback;
    } catch (problem) {
      if (problem.status === 409) this.refetch(); // it was answered elsewhere
      throw problem;
    }
  }

  // -- the empty state

  showExamples(extension = null) {
    const self = `Call me at ${extension} and ask whether Tuesday at ten works for the boiler inspection.`;
    const use = (text) => {
      byId("message").value = text;
      byId("message").dispatchEvent(new Event("input"));
      byId("message").focus();
    };
    fill(
      byId("examples"),
      (extension ? [...EXAMPLES, self] : EXAMPLES).map((text) =>
        h("li", {}, h("button", { class: "example", type: "button", onclick: () => use(text) }, text)),
      ),
    );
  }

  showEmpty() {
    byId("empty").hidden = !this.chat.empty;
    const recent = byId("recent");
    const campaigns = [...(this.recent ?? [])].slice(0, RECENT_CAMPAIGNS);
    recent.hidden = campaigns.length === 0;
    fill(
      recent,
      h("h3", {}, "Recent campaigns"),
      h(
        "ul",
        {},
        campaigns.map((campaign) => this.recentItem(campaign)),
      ),
    );
  }

  recentItem(campaign) {
    const [label, tone] = campaignState(campaign.status);
    const open = () => {
      this.world.putCampaign(campaign);
      this.campaigns.show(campaign);
    };
    return h(
      "li",
      {},
      h(
        "button",
        { class: "recent-campaign", type: "button", onclick: open },
        h("span", {}, campaign.title),
        pill(label, tone),
        h("span", { class: "muted" }, clockTime(campaign.created_at)),
      ),
    );
  }
}

new Page().start();
