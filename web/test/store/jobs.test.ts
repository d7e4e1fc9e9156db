import { expect, test } from "vitest";
import type { Job } from "../../src/schema";
import { hear, queued } from "../../src/store/jobs";
import * as state from "../../src/store/state";

function held() {
  let resolve: (job: Job) => void = () => {};
  const promise = new Promise<Job>((done) => (resolve = done));
  return { promise, resolve: (job: Job) => resolve(job) };
}

const job = (state: string) => ({ id: "a", title: "pgd", technique: "pgd", state, created: 1, error: "" }) as Job;

test("what was heard of a job before the answer to it came is newer than that", async () => {
  const answer = held();
  const put = queued(answer.promise);
  hear({ kind: "job", job: job("failed"), preview: "" });
  answer.resolve(job("queued"));
  expect((await put).state).toBe("failed");
  expect(state.jobs.value.map((row) => row.state)).toEqual(["failed"]);
  await queued(Promise.resolve(job("queued"))); // asked for once more
  expect(state.jobs.value.map((row) => row.state)).toEqual(["queued"]);
});
