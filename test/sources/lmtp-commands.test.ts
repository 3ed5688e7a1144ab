// Commands and their order, parameters, caps and packets, spoken to the real daemon over its real socket.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freshReply, itemsOf, storedMessage, suiteIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';

/** The code and the enhanced status code of each reply. */
function codes(replies: readonly string[]): string[] {
  return replies.map((reply) => /^\d{3} (?:\d\.\d\.\d )?/.exec(reply)?.[0].trim() ?? reply);
}

describe('the order of commands (RFC 5321 §4.1.4)', { concurrency: false }, () => {
  const intake = suiteIntake();

  it('MAIL before LHLO, RCPT before MAIL, DATA before RCPT, and a second MAIL are 503', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.connect(t, socket);
    await client.reply();
    const replies = await client.sayAll('MAIL FROM:<>', `RCPT TO:<${alice}>`, 'DATA');
    await client.say('LHLO client.example.com');
    replies.push(...(await client.sayAll('DATA', `RCPT TO:<${alice}>`, 'MAIL FROM:<>', 'DATA')));
    replies.push(await client.say('MAIL FROM:<>'));
    assert.deepEqual(codes(replies), [
      ...Array<string>(5).fill('503 5.5.1'),
      '250 2.1.0',
      '503 5.5.1',
      '503 5.5.1',
    ]);
  });

  it('RSET and LHLO end a transaction', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.open(t, socket);
    for (const reset of ['RSET', 'LHLO client.example.com']) {
      await client.sayAll('MAIL FROM:<>', `RCPT TO:<${alice}>`);
      assert.match(await client.say(reset), /^250/);
      assert.match(await client.say('DATA'), /^503 5\.5\.1 /);
    }
  });

  it('nothing but refused recipients makes no DATA', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    const replies = await client.sayAll('MAIL FROM:<>', 'RCPT TO:<nobody@reply.example.org>', 'DATA');
    assert.deepEqual(codes(replies), ['250 2.1.0', '550 5.1.1', '503 5.5.1']);
  });

  it('verbs and keywords may come in any case', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.connect(t, socket);
    await client.reply();
    const replies = await client.sayAll('lhlo x', 'mail from:<>', `rCpT tO:<${alice}>`, 'rset', 'Quit');
    assert.deepEqual(codes(replies.slice(1)), ['250 2.1.0', '250 2.1.5', '250 2.0.0', '221 2.0.0']);
  });

  it('what follows QUIT is not carried out', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    client.write('QUIT\r\nNOOP\r\nMAIL FROM:<>\r\n');
    assert.deepEqual(codes(await client.rest()), ['221 2.0.0']);
  });
});

describe('parameters of MAIL and RCPT', { concurrency: false }, () => {
  const intake = suiteIntake({ lmtp: { max_message: '64KiB' } });

  it('SIZE, BODY and SMTPUTF8 are taken (RFC 1870, RFC 6152, RFC 6531)', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    for (const parameters of ['SIZE=65536', 'BODY=7BIT', 'BODY=8BITMIME', 'size=1 smtputf8 body=8bitmime']) {
      assert.match(await client.say(`MAIL FROM:<alice@example.com> ${parameters}`), /^250 2\.1\.0 /);
      await client.say('RSET');
    }
  });

  it('a larger SIZE than allowed is refused at MAIL, and the session goes on', async (t) => {
    const { socket } = intake();
    const client = await LmtpClient.open(t, socket);
    const replies = await client.sayAll('MAIL FROM:<> SIZE=65537', 'MAIL FROM:<> SIZE=65536');
    assert.deepEqual(codes(replies), ['552 5.3.4', '250 2.1.0']);
  });

  it('unknown ones are 555, malformed ones 501 (RFC 5321 §4.1.1.11)', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.open(t, socket);
    const replies = await client.sayAll(
      'MAIL FROM:<a@example.com> RET=HDRS',
      'MAIL FROM:<a@example.com> ENVID=x AUTH=<>',
      'MAIL FROM:<a@example.com> SIZE=many',
      'MAIL FROM:<a@example.com> BODY=BINARYMIME',
      'MAIL FROM:a@example.com',
      'MAIL FROM:<>',
      `RCPT TO:<${alice}> NOTIFY=NEVER`,
      `RCPT TO:<${alice}> ORCPT=rfc822;x`,
    );
    assert.deepEqual(codes(replies), [
      '555 5.5.4',
      '555 5.5.4',
      '501 5.5.4',
      '501 5.5.4',
      '501 5.1.7',
      '250 2.1.0',
      '555 5.5.4',
      '555 5.5.4',
    ]);
  });

  it('the null reverse-path and an internationalised one are taken', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    for (const sender of ['', 'übung@bücher.example']) {
      const { id, text } = freshReply();
      await client.sayAll(`MAIL FROM:<${sender}> SMTPUTF8`, `RCPT TO:<${alice}>`, 'DATA');
      client.write(`${text}\r\n.\r\n`);
      const reply = await client.reply();
      const stored = (await itemsOf(store, id)).map((item) => item.reversePath);
      assert.match(reply, sender === '' ? /^250 2\.0\.0 discarded$/ : /^250 2\.0\.0 queued as /);
      assert.deepEqual(stored, sender === '' ? [] : [sender]);
    }
  });
});

describe('caps', { concurrency: false }, () => {
  const intake = suiteIntake({ lmtp: { max_connections: 3, max_recipients: 2, max_bad_commands: 4 } });

  it('a connection too many is answered 421, and served once another has gone', async (t) => {
    const { socket } = intake();
    const clients = [];
    for (let count = 0; count < 3; count++) clients.push(await LmtpClient.open(t, socket));
    const refused = await LmtpClient.connect(t, socket);
    assert.deepEqual(await refused.rest(), ['421 4.3.2 too many connections']);
    for (const client of clients) assert.match(await client.say('QUIT'), /^221/);
    const greeting = await eventually(
      async () => {
        const next = await LmtpClient.connect(t, socket);
        const text = await next.reply();
        next.vanish();
        return text.startsWith('220') ? text : undefined;
      },
      () => 'a greeting',
    );
    assert.match(greeting, /^220 /);
  });

  it('a recipient too many is 452 4.5.3, and the others get their replies', async (t) => {
    const { socket, alice, bob } = intake();
    const client = await LmtpClient.open(t, socket);
    const rcpt = [alice, bob, alice].map((address) => `RCPT TO:<${address}>`);
    const replies = await client.sayAll('MAIL FROM:<alice@example.com>', ...rcpt, 'DATA');
    assert.deepEqual(codes(replies.slice(0, 4)), ['250 2.1.0', '250 2.1.5', '250 2.1.5', '452 4.5.3']);
    client.write(`${freshReply().text}\r\n.\r\n`);
    for (const reply of await client.replies(2)) assert.match(reply, /^250 2\.0\.0 queued as /);
    assert.match(await client.say('QUIT'), /^221/);
  });

  it('the last bad command allowed is 421 and ends the session', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    client.write('WIZ\r\nSHELL\r\nKILL\r\nEXPN x\r\nNOOP\r\n');
    assert.deepEqual(codes(await client.rest()), [...Array<string>(3).fill('500 5.5.2'), '421 4.7.0']);
  });

  it('refused recipients and senders are no bad commands, nor is what was pipelined behind them', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    const rcpts = 'RCPT TO:<nobody@reply.example.org>\r\n'.repeat(20);
    client.write(`MAIL FROM:<> SIZE=99999999999\r\n${rcpts}DATA\r\nRSET\r\n`);
    const refused = codes(await client.replies(23));
    assert.deepEqual(refused, ['552 5.3.4', ...Array<string>(21).fill('503 5.5.1'), '250 2.0.0']);
    for (let round = 0; round < 6; round++) {
      client.write(`MAIL FROM:<>\r\n${rcpts}DATA\r\nRSET\r\n`);
      assert.deepEqual(codes((await client.replies(23)).slice(-2)), ['503 5.5.1', '250 2.0.0']);
    }
  });

  it('an endless line is refused as one bad command, and the session goes on', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    client.write(`NOOP ${'x'.repeat(1_000_000)}\r\nNOOP\r\n`);
    assert.deepEqual(codes(await client.replies(2)), ['500 5.5.2', '250 2.0.0']);
  });
});

describe('packets', { concurrency: false }, () => {
  const intake = suiteIntake();

  /** A whole dialogue in one text, its message, and the replies that it should get. */
  function wholeDialogue(alice: string, bob: string): { said: string; id: string; replies: RegExp[] } {
    const { id, text } = freshReply('One line.\n..A dot was here.');
    const commands = [
      'LHLO client.example.com',
      'MAIL FROM:<alice@example.com>',
      `RCPT TO:<${alice}>`,
      'RCPT TO:<nobody@reply.example.org>',
      `RCPT TO:<${bob}>`,
      'DATA',
    ];
    return {
      said: `${commands.join('\r\n')}\r\n${text}\r\n.\r\nQUIT\r\n`,
      id,
      replies: [
        /^220 /,
        /^250-/,
        /^250 2\.1\.0 /,
        /^250 2\.1\.5 /,
        /^550 5\.1\.1 /,
        /^250 2\.1\.5 /,
        /^354 /,
        /^250 2\.0\.0 queued/,
        /^250 2\.0\.0 queued/,
        /^221 2\.0\.0 /,
      ],
    };
  }

  it('a client that says everything at once, before the greeting, is answered in order', async (t) => {
    const { socket, alice, bob, store } = intake();
    const { said, id, replies } = wholeDialogue(alice, bob);
    const client = await LmtpClient.connect(t, socket);
    client.write(said);
    const heard = await client.rest();
    assert.equal(heard.length, replies.length, client.dialogue);
    heard.forEach((reply, index) => {
      assert.match(reply, replies[index]!);
    });
    assert.equal((await itemsOf(store, id)).length, 2);
  });

  it('a client that says everything byte by byte is answered alike', async (t) => {
    const { socket, alice, store } = intake();
    const { said, id, replies } = wholeDialogue(alice, alice);
    const client = await LmtpClient.connect(t, socket);
    await client.trickle(said);
    const heard = await client.rest();
    assert.equal(heard.length, replies.length, client.dialogue);
    assert.match(heard[8] ?? '', /^250 2\.0\.0 duplicate of /);
    assert.match((await storedMessage(store, id)).toString(), /\r\nOne line\.\r\n\.A dot was here\.\r\n$/);
  });
});
