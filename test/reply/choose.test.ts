import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  entity,
  file,
  html,
  markdown,
  multipart,
  PNG,
  parse,
  parsed,
  plain,
  refusal,
} from './support/mail.ts';

describe('multipart/alternative', () => {
  it('takes the plain text', async () => {
    const root = multipart('alternative', [
      plain('Thanks, *merged*.'),
      html('<p>Thanks, <b>merged</b>.</p>'),
    ]);
    assert.equal(await markdown(root), 'Thanks, *merged*.');
  });

  it('takes the HTML when the plain text is empty or blank', async () => {
    for (const empty of ['', ' \n\n\t\n', '\u00a0\n']) {
      assert.match(
        await markdown(multipart('alternative', [plain(empty), html('<p>Works now</p>')])),
        /Works now/,
      );
    }
  });

  it('takes the HTML when the plain text speaks of something else, in any language', async () => {
    const rich = html('<div>I can reproduce it with the second patch applied.</div>');
    for (const stub of [
      'Your mail client does not show formatted messages.',
      'Bitte öffnen Sie diese Nachricht mit einem anderen Programm.',
      'このメッセージを表示するには別のソフトウェアが必要です。',
    ]) {
      assert.match(await markdown(multipart('alternative', [plain(stub), rich])), /reproduce it/);
    }
  });

  it('takes a tiny plain answer for an answer, whatever the HTML wraps around it', async () => {
    const wrapped = (text: string): Buffer =>
      html(`<div>${text}<br><hr>Sent by a corporate client, floor 7</div>`);
    for (const text of ['+1', '👍', 'ok', 'ja']) {
      assert.equal(await markdown(multipart('alternative', [plain(text), wrapped(text)])), text);
    }
  });

  it('takes the HTML when HTML was sent as plain text besides', async () => {
    const source = '<html><body><p>Yes, ship it</p></body></html>';
    assert.doesNotMatch(await markdown(multipart('alternative', [plain(source), html(source)])), /</);
  });

  it('keeps the files that stand inside one of its forms', async () => {
    const rich = multipart('mixed', [
      html('<p>See the log</p>'),
      file('application/pdf; name=log.pdf', '%PDF-1.4'),
    ]);
    const reply = await parsed(multipart('alternative', [plain('See the log'), rich]));
    assert.equal(reply.body.markdown, 'See the log');
    assert.deepEqual(
      reply.attachments.map(({ filename }) => filename),
      ['log.pdf'],
    );
  });

  it('leaves out forms made for others: AMP, a watch', async () => {
    const root = multipart('alternative', [
      plain('hi'),
      entity(['Content-Type: text/x-amp-html'], '<html amp4email>x</html>'),
      html('<p>hi</p>'),
    ]);
    const reply = await parsed(root);
    assert.equal(reply.body.markdown, 'hi');
    assert.equal(reply.attachments.length, 0);
  });

  it('keeps an invitation as a file', async () => {
    const root = multipart('alternative', [
      plain('Accepted: stand-up'),
      entity(['Content-Type: text/calendar; method=REPLY'], 'BEGIN:VCALENDAR\nEND:VCALENDAR'),
    ]);
    const reply = await parsed(root);
    assert.equal(reply.body.markdown, 'Accepted: stand-up');
    assert.equal(reply.attachments[0]?.filename, 'attachment-1.ics');
  });
});

describe('multipart/mixed and related', () => {
  it('reads several texts one after the other', async () => {
    const root = multipart('mixed', [plain('above'), file('image/png; name=a.png', PNG), plain('below\n')]);
    assert.equal(await markdown(root), 'above\n\nbelow');
  });

  it('takes a text with a name for a file, but for the first', async () => {
    const named = plain('From 1234\nSubject: [PATCH]', 'Content-Disposition: inline; filename=0001.patch');
    const reply = await parsed(multipart('mixed', [plain('Here is my patch.'), named]));
    assert.equal(reply.body.markdown, 'Here is my patch.');
    assert.equal(reply.attachments[0]?.filename, '0001.patch');
    assert.match(await markdown(multipart('mixed', [named])), /PATCH/);
  });

  it('takes the start parameter for the root (RFC 2387 §3.2)', async () => {
    const root = multipart('related; start="<2@x>"', [
      file('image/png', PNG, 'Content-ID: <1@x>'),
      html('<p>shown <img src="cid:1@x"></p>', 'Content-ID: <2@x>'),
    ]);
    const reply = await parsed(root);
    assert.match(reply.body.markdown, /shown/);
    assert.equal(reply.attachments[0]?.inline, true);
  });

  it('does not read an enclosed message: somebody else wrote it', async () => {
    const enclosed = entity(['Content-Type: message/rfc822'], 'From: b@example.com\n\nforeign words');
    const reply = await parsed(multipart('mixed', [plain('FYI'), enclosed]));
    assert.equal(reply.body.markdown, 'FYI');
    assert.equal(reply.attachments[0]?.filename, 'attachment-1.eml');
  });

  it('keeps a message of a file alone', async () => {
    const reply = await parsed(file('image/png; name=shot.png', PNG));
    assert.deepEqual([reply.body.markdown, reply.attachments[0]?.filename], ['', 'shot.png']);
  });

  it('guesses a missing boundary, and reads a multipart without parts as text', async () => {
    const body = '--xyz\nContent-Type: text/plain\n\nfound\n--xyz--\n';
    assert.equal(await markdown(entity(['Content-Type: multipart/mixed'], body)), 'found');
    assert.equal(await markdown(entity(['Content-Type: multipart/mixed; boundary=a'], 'no part')), 'no part');
  });

  it('ends a part where an outer boundary stands', async () => {
    const inner = 'Content-Type: multipart/alternative; boundary=in\n\n--in\n\ninner text';
    const body = `--out\n${inner}\n--out\n\nouter text\n--out--\n`;
    assert.equal(
      await markdown(entity(['Content-Type: multipart/mixed; boundary=out'], body)),
      'inner text\n\nouter text',
    );
  });

  it('tells boundaries apart of which one begins with the other', async () => {
    const inner = 'Content-Type: multipart/alternative; boundary=ab\n\n--ab\n\ninner text\n--ab--';
    const body = `--a\n${inner}\n--a\n\nouter text\n--a--\n`;
    assert.equal(
      await markdown(entity(['Content-Type: multipart/mixed; boundary=a'], body)),
      'inner text\n\nouter text',
    );
  });
});

describe('signed mail', () => {
  const signature = entity(
    ['Content-Type: application/pgp-signature; name="signature.asc"'],
    '-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----',
  );

  it('is unwrapped, and its signature is no attachment', async () => {
    const smime = file('application/pkcs7-signature; name=smime.p7s', 'x');
    for (const sealed of [signature, smime, file('application/octet-stream; name=smime.p7s', 'x')]) {
      const reply = await parsed(multipart('signed; micalg=sha-256', [plain('I agree'), sealed]));
      assert.deepEqual([reply.body.markdown, reply.attachments, reply.dropped], ['I agree', [], []]);
    }
  });

  it('is unwrapped below a list that added its footer', async () => {
    const signed = multipart('signed; micalg=pgp-sha512', [plain('I agree'), signature]);
    const reply = await parsed(multipart('mixed', [signed, plain('list footer')]));
    assert.match(reply.body.markdown, /^I agree/);
    assert.equal(reply.attachments.length, 0);
  });

  it('is unwrapped where the signature is in the text (RFC 9580 §7)', async () => {
    const text = [
      '-----BEGIN PGP SIGNED MESSAGE-----',
      'Hash: SHA256',
      '',
      'I agree',
      '- - fully',
      '-----BEGIN PGP SIGNATURE-----',
      '',
      'abc',
      '-----END PGP SIGNATURE-----',
    ].join('\n');
    assert.equal(await markdown(plain(text)), 'I agree\n- fully');
  });
});

describe('what cannot be read is refused with its reason, never a blank post', () => {
  const encrypted = multipart('encrypted; protocol="application/pgp-encrypted"', [
    entity(['Content-Type: application/pgp-encrypted'], 'Version: 1'),
    entity(['Content-Type: application/octet-stream; name=encrypted.asc'], '-----BEGIN PGP MESSAGE-----'),
  ]);

  it('PGP/MIME, alone and above a footer', async () => {
    assert.equal(await refusal(encrypted), 'encrypted');
    assert.equal(await refusal(multipart('mixed', [encrypted, plain('list footer')])), 'encrypted');
  });

  it('PGP/MIME that Exchange made a multipart/mixed of', async () => {
    const mangled = multipart('mixed', [
      plain(''),
      entity(['Content-Type: application/pgp-encrypted'], 'Version: 1'),
      entity(['Content-Type: application/octet-stream; name=encrypted.asc'], '-----BEGIN PGP MESSAGE-----'),
    ]);
    assert.equal(await refusal(mangled), 'encrypted');
  });

  it('an OpenPGP message in the text', async () => {
    assert.equal(
      await refusal(plain('-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----')),
      'encrypted',
    );
  });

  it('S/MIME, enveloped or signed opaquely, told by smime-type or by the bytes', async () => {
    const opaque = Buffer.from('308006092a864886f70d010702a080', 'hex');
    const enveloped = Buffer.from('308006092a864886f70d010703a080', 'hex');
    const type = 'application/pkcs7-mime; name=smime.p7m';
    assert.equal(await refusal(file(`${type}; smime-type=enveloped-data`, enveloped)), 'encrypted');
    assert.equal(await refusal(file(`${type}; smime-type=signed-data`, opaque)), 'opaque-smime');
    assert.equal(await refusal(file(type, enveloped)), 'encrypted');
    assert.equal(await refusal(file(type, opaque)), 'opaque-smime');
    assert.equal(await refusal(file('application/octet-stream; name=smime.p7m', opaque)), 'opaque-smime');
  });

  it('TNEF, when it is all there is; beside a text it is only left out', async () => {
    const tnef = file('application/ms-tnef; name=winmail.dat', Buffer.from('789f3e220100', 'hex'));
    assert.equal(await refusal(tnef), 'tnef');
    assert.equal(await refusal(multipart('mixed', [plain('  \n'), tnef])), 'tnef');
    const bare = file('application/octet-stream', Buffer.from('789f3e220100', 'hex'));
    const reply = await parsed(multipart('mixed', [plain('see attached'), bare]));
    assert.equal(reply.body.markdown, 'see attached');
    assert.deepEqual(
      reply.dropped.map(({ reason }) => reason),
      ['tnef'],
    );
  });

  it('fragments, reports and pointers to elsewhere', async () => {
    assert.equal(await refusal(entity(['Content-Type: message/partial; id=x; number=1'], 'x')), 'partial');
    assert.equal(
      await refusal(entity(['Content-Type: message/delivery-status'], 'Action: failed')),
      'report',
    );
    assert.equal(
      await refusal(entity(['Content-Type: message/external-body; access-type=x'], 'x')),
      'external',
    );
  });
});

describe('an empty reply is a verdict of its own', () => {
  it('says whether there was no text at all, or only a quote', async () => {
    const blank = await parse(plain('\n  \n'));
    assert.deepEqual([blank.kind, blank.kind === 'empty' && blank.reason], ['empty', 'no-text']);
    assert.equal((await parse(plain('\u200b\u00a0\ufe0f\n'))).kind, 'empty');
    assert.equal((await parse(html('<style>p{}</style><p>&nbsp;&#8203;</p>'))).kind, 'empty');
    const quote = await parse(plain('On Monday, Bob <b@example.com> wrote:\n> first\n> second\n'));
    assert.deepEqual([quote.kind, quote.kind === 'empty' && quote.reason], ['empty', 'only-quoted']);
  });

  it('takes "+1" and an emoji for replies', async () => {
    for (const text of ['+1', '👍', '.', '?']) assert.equal(await markdown(plain(text)), text);
  });

  it('keeps the fields, for a notice', async () => {
    const outcome = await parse(plain(''));
    assert.equal(outcome.kind === 'empty' && outcome.reply.from.address, 'alice@example.com');
  });
});

describe('limits on the structure', () => {
  it('reads 200 parts and says that it stopped', async () => {
    const parts = Array.from({ length: 300 }, (_, index) => plain(index === 0 ? 'first' : ''));
    assert.equal(await markdown(multipart('mixed', parts)), 'first');
  });

  it('refuses a text below 20 multiparts, and reads one at 19', async () => {
    const nest = (depth: number): Buffer => {
      let root = plain('deep text');
      for (let level = 0; level < depth; level++) root = multipart('mixed', [root]);
      return root;
    };
    assert.equal(await markdown(nest(19)), 'deep text');
    assert.equal(await refusal(nest(40)), 'mime-limit');
  });

  it('cuts a text that is too long at a line end, and says so', async () => {
    const reply = await parsed(plain('a line of text\n'.repeat(100_000)));
    assert.ok(reply.body.markdown.length <= 512 * 1024);
    assert.match(reply.body.markdown, /a line of text$/);
    assert.deepEqual(
      reply.dropped.map(({ reason }) => reason),
      ['text-too-long'],
    );
  });

  it('counts the texts of one message together', async () => {
    const long = plain('a line of text\n'.repeat(20_000));
    const reply = await parsed(multipart('mixed', [long, long, long, long]));
    assert.ok(reply.body.markdown.length <= 513 * 1024);
  });
});
