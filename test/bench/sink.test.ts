import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pool } from 'undici';
import { startSink } from './sink-client.ts';

describe('the counting sink', () => {
  it('counts posts and distinct idempotency keys by path, over kept connections, whatever their size', async (test) => {
    const sink = await startSink();
    const pool = new Pool(new URL(sink.url('/')).origin, { connections: 2 });
    test.after(async () => {
      await pool.close();
      sink.stop();
    });
    const post = async (path: string, key: string, bytes: number) => {
      const headers = { 'idempotency-key': key };
      const answer = await pool.request({ path, method: 'POST', headers, body: 'x'.repeat(bytes) });
      await answer.body.dump();
      return answer.statusCode;
    };
    const reached = sink.reached('/a', 3, 5000);
    const statuses = await Promise.all([
      post('/a', 'one', 10),
      post('/a', 'two', 3_000_000),
      post('/a', 'one', 0),
      post('/b', 'one', 5000),
      post('/a', 'three', 100_000),
    ]);
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal((await reached)?.distinct, 3);
    assert.deepEqual(
      [(await sink.posted('/a'))?.posts, (await sink.posted('/b'))?.posts, (await sink.posted('/c'))?.posts],
      [4, 1, 0],
    );
    assert.equal(await sink.reached('/b', 2, 50), undefined);
  });
});
