// What a support desk does, with a client that openapi-typescript made of the contract: node story.js <server> <token>
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import { complete } from "./person.js";
import type { paths } from "./persona.js";

const [server, token] = process.argv.slice(2);
const baseUrl = `${server}/api/v1`;
const headers = { Authorization: `Bearer ${token}` };
const client = createClient<paths>({ baseUrl, headers });

const created = await client.POST("/inquiries", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: {
    data: { attributes: { "inquiry-template-id": "itmpl_identity", "reference-id": "user 7" } },
    meta: { "expiration-after-resume-interval-seconds": 3600 },
  },
});
assert.equal(created.response.status, 201);
assert.equal(created.data?.data?.attributes?.status, "created");
const inquiry = created.data?.data?.id ?? "";
const path = { "inquiry-id": inquiry };

const expired = await client.POST("/inquiries/{inquiry-id}/expire", { params: { path } });
assert.equal(expired.data?.data?.attributes?.status, "expired");
const early = await client.POST("/inquiries/{inquiry-id}/generate-one-time-link", { params: { path } });
assert.equal(early.response.status, 409);
assert.match(early.error?.errors?.[0] ? JSON.stringify(early.error.errors[0]) : "", /resume it first/);

const resumed = await client.POST("/inquiries/{inquiry-id}/resume", { params: { path } });
assert.equal(resumed.data?.data?.attributes?.status, "pending");
assert.ok(resumed.data?.meta?.["session-token"]);

const body = { meta: { "expires-in-seconds": 600 } };
const first = await client.POST("/inquiries/{inquiry-id}/generate-one-time-link", { params: { path }, body });
const second = await client.POST("/inquiries/{inquiry-id}/generate-one-time-link", { params: { path } });
const link = first.data?.meta?.["one-time-link"] ?? "";
assert.ok(link.startsWith(`${server}/verify?code=`), "another form");
assert.ok(first.data?.meta?.["one-time-link-short"]?.startsWith(`${server}/c/`), "another form");
assert.deepEqual(second.data?.meta, first.data?.meta);

const started = await client.POST("/inquiry-sessions", { body: { data: { attributes: { "inquiry-id": inquiry } } } });
assert.equal(started.response.status, 201);
const session = { "inquiry-session-id": started.data?.data?.id ?? "" };
const handoff = await client.POST("/inquiry-sessions/{inquiry-session-id}/generate-one-time-link", {
  params: { path: session },
});
assert.ok(handoff.data?.meta?.["one-time-link"]);
assert.notEqual(handoff.data?.meta?.["one-time-link"], link);
const listed = await client.GET("/inquiry-sessions", { params: { query: { filter: { "inquiry-id": inquiry } } } });
assert.equal(listed.data?.data?.length, 2);
const filter = { status: "pending", "reference-id": "user 7" };
const page = await client.GET("/inquiries", { params: { query: { filter, page: { size: 1 } } } });
assert.deepEqual(page.data?.data?.map((one) => one.id), [inquiry]);
const ended = await client.POST("/inquiry-sessions/expire-all", { body: { meta: { "inquiry-ids": [inquiry] } } });
assert.deepEqual(ended.data?.data?.map((one) => one.attributes?.status), ["expired", "expired"]);

assert.equal(await complete(link), `${server}/inquiry/done`);
const approved = await client.POST("/inquiries/{inquiry-id}/approve", {
  params: { path },
  body: { meta: { comment: "fine" } },
});
assert.equal(approved.data?.data?.attributes?.status, "approved");
const declined = await client.POST("/inquiries/{inquiry-id}/decline", { params: { path } });
assert.equal(declined.data?.data?.attributes?.status, "declined");
const told = await client.GET("/inquiries/{inquiry-id}", { params: { path } });
assert.equal(told.data?.data?.relationships?.sessions?.data?.length, 3);
const redacted = await client.DELETE("/inquiries/{inquiry-id}", { params: { path } });
assert.ok(redacted.data?.data?.attributes?.["redacted-at"]);

const stranger = await createClient<paths>({ baseUrl }).GET("/inquiries/{inquiry-id}", { params: { path } });
assert.equal(stranger.response.status, 401);
console.log("TypeScript: a client of openapi-typescript and openapi-fetch did it all");
