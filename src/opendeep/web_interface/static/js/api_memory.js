// The HTTP API of contacts, of the do-not-call list, and of profile and settings. Errors are `ApiError`.

import { request } from "./api.js";

const query = (values) => new URLSearchParams(values).toString();
const contact = (id, rest = "") => `/api/contacts/${encodeURIComponent(id)}${rest}`;
const fact = (id, factId) => contact(id, `/facts/${encodeURIComponent(factId)}`);

export const memory = {
  contacts: (search, limit, offset) => request("GET", `/api/contacts?${query({ search, limit, offset })}`),
  contact: (id) => request("GET", contact(id)),
  createContact: (values) => request("POST", "/api/contacts", values),
  changeContact: (id, changes) => request("PATCH", contact(id), changes),
  deleteContact: (id) => request("DELETE", contact(id)),
  exportUrl: (id) => contact(id, "/export"),
  addFact: (id, text) => request("POST", contact(id, "/facts"), { text }),
  changeFact: (id, factId, text) => request("PATCH", fact(id, factId), { text }),
  deleteFact: (id, factId) => request("DELETE", fact(id, factId)),

  listed: (search, limit, offset) => request("GET", `/api/dnd?${query({ search, limit, offset })}`),
  list: (entry) => request("POST", "/api/dnd", entry),
  unlist: (id, reason) => request("POST", `/api/dnd/${encodeURIComponent(id)}/removal`, { reason }),
  removals: () => request("GET", "/api/dnd/removals"),
  importNumbers: (text, firstLine) =>
    request("POST", `/api/dnd/import?${query({ first_line: firstLine })}`, text, undefined, "text/csv"),

  profile: () => request("GET", "/api/profile"),
  changeProfile: (changes) => request("PATCH", "/api/profile", changes),
  profileVersions: () => request("GET", "/api/profile/versions"),
  forgetProfileVersions: () => request("DELETE", "/api/profile/versions"),
  settings: () => request("GET", "/api/settings"),
};
