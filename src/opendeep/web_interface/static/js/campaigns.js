// The campaigns that this page shows: their cards, and what is fetched for them.

import { api } from "./api.js";
import { CampaignCard } from "./campaign_card.js";

export class Campaigns {
  /** `place(node)` puts a card into the chat, `reveal(node)` scrolls to it, `fail(problem)` says what went wrong. */
  constructor({ world, openCall, place, reveal, fail }) {
    this._world = world;
    this._cards = new Map();
    this._place = place;
    this._fail = fail;
    this._actions = {
      control: async (id, action) => world.putCampaign((await api.control(id, action)).campaign),
      load: (campaignId) => this._load(campaignId),
      loadTask: (taskId) => this.loadTask(taskId),
      order: api.order,
      report: api.report,
      openCall,
      recordingUrl: api.recordingUrl,
      reveal,
    };
  }

  show(campaign) {
    const known = this._cards.get(campaign.id);
    if (known) {
      this._actions.reveal(known.node);
      return;
    }
    const card = new CampaignCard(this._world, campaign.id, this._actions);
    this._cards.set(campaign.id, card);
    this._place(card.node);
    this._load(campaign.id);
  }

  clear() {
    this._cards.clear();
  }

  touch(kind, id) {
    for (const card of this._cards.values()) card.touch(kind, id);
  }

  /** The connection was lost for a while: fetch everything that is shown. */
  refetch() {
    for (const [id, card] of this._cards) {
      this._load(id);
      card.refresh();
    }
  }

  async loadTask(taskId) {
    try {
      await this._world.during(
        () => api.task(taskId),
        (detail) => this._world.putTask(detail),
      );
      await this._loadCalls(this._world.callsOf(taskId).filter((call) => call.answered_at));
    } catch (problem) {
      this._fail(problem);
    }
  }

  async _load(campaignId) {
    try {
      await this._world.during(
        () => api.campaign(campaignId),
        (detail) => this._world.putDetail(detail),
      );
      const calls = [...this._world.calls.values()].filter((call) => call.campaign_id === campaignId);
      await this._loadCalls(calls.filter((call) => call.status === "IN_PROGRESS")); // words spoken before we looked
    } catch (problem) {
      this._fail(problem);
    }
  }

  async _loadCalls(calls) {
    const load = (call) =>
      this._world.during(
        () => api.call(call.id),
        (detail) => this._world.putCall(detail),
      );
    await Promise.all(calls.map(load));
  }
}
