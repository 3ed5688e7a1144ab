// The server that fakes are made of: what does not keep to its interface is a fault, and fails the scratch.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  type Answer,
  type BodySchema,
  type Interface,
  mapOf,
  NUMBER,
  object,
  orNull,
  type Published,
  pattern,
  startPublished,
  TEXT,
  TIME,
  texts,
} from '../support/published.ts';
import { Scratch } from '../support/scratch.ts';

const NOTE = object({ id: NUMBER, text: TEXT, 'at?': TIME });
const JSON_TYPE = { 'content-type': 'application/json' };

/** Starts a server whose answer to a new note a test can choose. */
async function startNotes(t: TestContext, change: Partial<Interface> = {}, answer?: Answer) {
  const scratch = new Scratch();
  const made = { status: 201, json: { id: 1, text: 'Text' } };
  const operation = (method: 'GET' | 'PATCH' | 'POST', path: string, body?: BodySchema) => ({
    method,
    path,
    ...(body === undefined ? {} : { body }),
    answers: { 201: NOTE, 204: undefined },
    run: () => answer ?? made,
  });
  const schema = object({ text: TEXT, 'tags?': mapOf(orNull(TEXT)) });
  const server = await startPublished(scratch, {
    operations: [
      { ...operation('GET', '/notes/{id:whole}'), query: { 'page?': pattern(/^\d+$/), ...texts('kind') } },
      operation('POST', '/notes', { type: 'json', schema }),
      operation('PATCH', '/notes/{id}', { type: 'json', schema }),
      operation('POST', '/forms', { type: 'form', schema: object({ text: TEXT }) }),
      operation('POST', '/files', { type: 'multipart', schema: object({ 'kind?': TEXT }), file: 'file' }),
      operation('POST', '/bytes', { type: 'bytes' }),
    ],
    ...change,
  });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    scratch.note({ passed: true });
    await scratch.close();
  };
  // A test that failed before it closed leaves nothing running.
  t.after(() => close().catch(() => undefined));
  const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(server.origin + path, init);
  const note = (json: unknown, method = 'POST', path = '/notes') =>
    ask(path, { method, headers: JSON_TYPE, body: JSON.stringify(json) });
  return { server, ask, note, close };
}

/** Asserts that the one thing asked was a fault, and that the scratch fails for it. */
async function assertFault(
  { server, close }: { readonly server: Published; readonly close: () => Promise<void> },
  expected: RegExp,
): Promise<void> {
  assert.equal(server.faults.length, 1, server.faults.join('; '));
  assert.match(server.faults[0] ?? '', expected);
  await assert.rejects(close(), (error: AggregateError) => {
    assert.match(String(error.errors), /against the interface/);
    return true;
  });
}

function form(field: string): FormData {
  const content = new FormData();
  content.append(field, new File(['Text'], 'a.txt', { type: 'text/plain' }));
  return content;
}

describe('a request to a published interface', () => {
  it('that keeps to it is no fault', async (t) => {
    const { server, ask, note, close } = await startNotes(t);
    for (const asked of [
      ask('/notes/1?kind=x&page=2'),
      note({ text: 'Text', tags: { a: 'b', c: null } }),
      note({ text: 'Text' }, 'PATCH', '/notes/a%2Fb'),
      ask('/forms', { method: 'POST', body: new URLSearchParams({ text: 'Text' }) }),
      ask('/files', { method: 'POST', body: form('file') }),
      ask('/bytes', { method: 'POST', body: new Uint8Array([0, 255]) }),
    ])
      assert.equal((await asked).status, 201);
    assert.deepEqual(server.faults, []);
    await close();
  });

  const wrong: readonly (readonly [string, string, RequestInit, RegExp])[] = [
    ['an address that is none', '/nodes', {}, /no such operation/],
    ['a method that is none', '/notes/1?kind=x', { method: 'PUT' }, /no such operation/],
    ['a word where digits are due', '/notes/x?kind=x', {}, /no such operation/],
    ['an unknown parameter', '/notes/1?kind=x&size=3', {}, /the query has no size/],
    ['a parameter that no schema can have', '/notes/1?kind=x&toString=3', {}, /the query has no toString/],
    ['a parameter of another type', '/notes/1?kind=x&page=two', {}, /page in the query is two/],
    ['a parameter twice, once wrong', '/notes/1?kind=x&page=two&page=2', {}, /page in the query is two/],
    ['no parameter where one is due', '/notes/1?page=2', {}, /kind is missing/],
    ['a body where none is due', '/notes/1?kind=x', { method: 'DELETE' }, /no such operation/],
    ['bytes as JSON', '/notes', { method: 'POST', body: 'Text' }, /a body of text\/plain/],
    ['no JSON', '/notes', { method: 'POST', headers: JSON_TYPE, body: '{' }, /SyntaxError/],
    [
      'a file of another field',
      '/files',
      { method: 'POST', body: form('attachment') },
      /a file under attach/,
    ],
    ['a form without its file', '/files', { method: 'POST', body: new FormData() }, /no whole form|no file/],
  ];
  for (const [what, path, init, fault] of wrong)
    it(`is a fault for ${what}`, async (t) => {
      const notes = await startNotes(t);
      const status = await notes.ask(path, init).then(
        (answer) => answer.status,
        () => 0,
      );
      assert.ok(status === 0 || status === 400 || status === 404, String(status));
      await assertFault(notes, fault);
    });

  const bodies: readonly (readonly [string, unknown, RegExp])[] = [
    ['an unknown member', { text: 'Text', title: 'T' }, /must NOT have additional properties/],
    [
      'an unknown member that is nothing',
      { text: 'Text', title: null },
      /must NOT have additional properties/,
    ],
    ['a member of another type', { text: 1 }, /text must be string/],
    ['a member of a member of another type', { text: 'Text', tags: { a: 1 } }, /tags\/a must be string/],
    ['no member where one is due', {}, /must have required property 'text'/],
    ['a list where an object is due', [], /must be object/],
  ];
  for (const [what, body, fault] of bodies)
    it(`is a fault for ${what}`, async (t) => {
      const notes = await startNotes(t);
      assert.equal((await notes.note(body)).status, 400);
      await assertFault(notes, fault);
    });

  it('is a fault for a form that is cut off', async (t) => {
    const notes = await startNotes(t);
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const body = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nText\r\n';
    await assert.rejects(notes.ask('/files', { method: 'POST', headers, body }));
    await assertFault(notes, /no whole form/);
  });
});

describe('an answer of a published interface', () => {
  const answers: readonly (readonly [string, Answer, RegExp])[] = [
    ['an unknown member', { status: 201, json: { id: 1, text: '', title: '' } }, /additional properties/],
    ['a member of another type', { status: 201, json: { id: '1', text: '' } }, /id must be integer/],
    ['a time that is none', { status: 201, json: { id: 1, text: '', at: 'now' } }, /at must match pattern/],
    ['no member where one is due', { status: 201, json: { id: 1 } }, /required property 'text'/],
    ['no JSON where it is due', { status: 201 }, /must be object/],
    ['JSON where there is none', { status: 204, json: {} }, /JSON where there is none/],
    ['a status that is none', { status: 202, json: {} }, /a status that it never gives/],
  ];
  for (const [what, answer, fault] of answers)
    it(`is a fault for ${what}`, async (t) => {
      const notes = await startNotes(t, {}, answer);
      await notes.note({ text: 'Text' });
      await assertFault(notes, fault);
    });
});

describe('what precedes the operations of a published interface', () => {
  it('answers alone, and what it lets through is held to the interface', async (t) => {
    const notes = await startNotes(t, {
      before: ({ headers, path }) =>
        headers.authorization === 'key' && path.startsWith('/notes') ? undefined : { status: 401, json: {} },
    });
    assert.equal((await notes.ask('/nowhere')).status, 401);
    assert.deepEqual(notes.server.faults, []);
    const answer = await notes.ask('/notes/none', { headers: { authorization: 'key' } });
    assert.equal(answer.status, 404);
    await assertFault(notes, /no such operation/);
  });

  it('is no way round the type of a parameter that all operations take', async (t) => {
    const notes = await startNotes(t, { everywhere: { 'user?': pattern(/^@/) } });
    assert.equal((await notes.ask('/notes/1?kind=x&user=@bob')).status, 201);
    assert.equal((await notes.ask('/notes/1?kind=x&user=bob')).status, 400);
    await assertFault(notes, /user in the query is bob/);
  });
});
