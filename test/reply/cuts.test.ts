/**
 * What may end a reply, and what may not: small inputs of every kind that once lost what somebody typed, or left the original. ⏎ is a line end.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import type { Known } from '../../src/reply/text/known.ts';

const ANN: Known = { names: ['Ann Ex'], addresses: ['ann@ex.example'], subjects: ['Re: Shed'] };
const fold = (text: string): string => text.replace(/\s+/gu, ' ').trim();
const lines = (text: string): string => text.replaceAll('⏎', '\n');

/** Text of which every word was typed. */
const TYPED: Readonly<Record<string, string>> = {
  'an appointment':
    'Let us meet.⏎⏎When: 5 March 2024, 14:00⏎Where: room 12⏎Ask for: ann@ex.example⏎⏎Bring the plans.',
  'a form with a date':
    'My details.⏎⏎Name: Ann Ex⏎E-mail: ann@ex.example⏎Date of purchase: 2024-03-05⏎Order: 4711⏎⏎Please send the money back.',
  'a form with a date and a time':
    'Data:⏎⏎Contact: Ann Ex⏎Email: ann@ex.example⏎Date: 2 December 2026, 14:00⏎Room: 4.11⏎⏎Please confirm.',
  'a journey': 'My train.⏎⏎From: Berlin⏎To: Munich⏎Date: 5 March 2024, 14:07⏎Train: ICE 5⏎⏎Is that too late?',
  'a pasted header':
    'It had these lines:⏎⏎Received: from a.example by b.example; Tue, 5 Mar 2024 14:07:31 +0100⏎From: Ann <ann@ex.example>⏎Date: Tue, 5 Mar 2024 14:07:31 +0100⏎Message-ID: <1@ex.example>⏎⏎Why?',
  'trailers of a commit':
    'Fix the hinge.⏎⏎Fixes: 2eb541e8f2a9 (hook: move it for wider use, 2024-03-05)⏎Signed-off-by: Ann Ex <ann@ex.example>⏎Tested-by: Ben <ben@ex.example>',
  'links with an address in them':
    'See⏎⏎[1] https://lists.example/20240305155739.14407-21-ann@ex.example/⏎[2] https://lists.example/20240306155739.14407-2-ben@ex.example/⏎⏎What now?',
  'prose about recipients':
    'Confirmed.⏎⏎With undisclosed recipients the list view shows an empty column, and after a reload the sort order is wrong.⏎⏎Shall I open a second issue?',
  'prose about privileges':
    'I looked into it.⏎⏎An unprivileged user cannot delete the snapshot, so the clean-up job stops half way and leaves the folder behind.',
  'a forward whose header is quoted':
    'See this.⏎⏎> Begin forwarded message:⏎>⏎> From: Ann <ann@ex.example>⏎> Subject: Hinges⏎> Date: 5 March 2024 at 14:07:31 CET⏎> To: ben@ex.example⏎>⏎> Sold out.',
  'a forward above quoted fields':
    'See this.⏎⏎Forwarded message:⏎⏎> From: Ann <ann@ex.example>⏎> Subject: Hinges⏎> Date: Tue, 5 Mar 2024 14:07 +0100⏎>⏎> Sold out.',
  'a parcel': 'It is on its way.⏎⏎Sent with DHL, parcel 4711.',
  'a parcel and its number':
    'It is on its way.⏎⏎Sent via DHL Express⏎⏎Tracking number 12345, should arrive on Monday.',
  'a device that was sent': 'The replacement tablet has been sent.',
  'a sentence that begins with "sent"': 'Gesendet habe ich es mit dem Handy, es kam nie an.',
  'text below the line of a telephone': 'One.⏎⏎Sent from my iPhone⏎⏎And another thing: the door squeaks.',
  'somebody said something':
    'On 5 March 2024 at 14:07 I called Ann Ex, who said:⏎⏎It comes on Friday.⏎⏎So let us wait.',
  minutes: 'Minutes of 28 Nov 2026 by Carol Miller:⏎- width fixed⏎- height open',
  'framed captions':
    'Steps:⏎⏎--- run 1 ---⏎ok⏎---------- run 2, 2024-03-05 14:07 ----------⏎fails⏎⏎Any idea?',
  'a framed message of a list': 'Steps:⏎⏎a⏎⏎----- Message B -----⏎⏎b⏎⏎Any idea?',
  'a framed log':
    'It fails:⏎⏎----- server.log -----⏎2026-11-28 05:00:01 worker started⏎2026-11-28 05:00:02 worker died⏎----- end -----⏎⏎Is that known?',
  'a sentence under two dashes': 'Fine.⏎--⏎This is a sentence that I typed. It goes on.',
  'statements under a comment': 'SELECT 1;⏎--⏎SELECT 2;',
  'a rule over a paragraph with links':
    'Two things.⏎⏎___⏎⏎The build log is at https://ci.example.com/42⏎and the second one at https://ci.example.com/43',
};

/** Replies with the original below or above; what was typed. */
const CUT: Readonly<Record<string, readonly [string, string]>> = {
  'a typed label above the separator': [
    'Yes, on Friday.⏎Room: 12b⏎-----Original Message-----⏎From: Ann [mailto:ann@ex.example]⏎Sent: Tuesday, March 5, 2024 2:07 PM⏎To: Ben⏎Subject: Shed⏎⏎When?',
    'Yes, on Friday.⏎Room: 12b',
  ],
  'an answer below an original without marks': [
    'On 5 Mar 2024 14:07, Ann <ann@ex.example> wrote:⏎⏎Which hinges?⏎⏎On 4 Mar 2024, Ben <ben@ex.example> wrote:⏎⏎> There are two kinds.⏎⏎The small ones, please.',
    'The small ones, please.',
  ],
  'a label before the date': [
    'Agreed.⏎⏎Dátum: 2024-03-05 14:07, ann@ex.example írta:⏎⏎Which hinges?',
    'Agreed.',
  ],
  'a label and a weekday before the date': [
    'Agreed.⏎⏎W dniu: wtorek, 5 marca 2024 14:07, ann <ann@ex.example> napisał(a):⏎⏎Which?',
    'Agreed.',
  ],
  'a year of two digits and a word before the time': [
    'Passt.⏎⏎Am 05.03.24 um 14:07 schrieb Ann Ex:⏎⏎Welche?',
    'Passt.',
  ],
  'a Korean date of two digits': [
    'Passt.⏎⏎24. 3. 5. PM 2:07, Ann Ex <ann@ex.example> wrote:⏎⏎Welche?',
    'Passt.',
  ],
  'a frame with two blanks': [
    'Ja.⏎⏎--------  মূল বার্তা --------⏎From: Ann <ann@ex.example>⏎Date: 05.03.24 14:07⏎To: Ben⏎Subject: Shed⏎⏎Welche?',
    'Ja.',
  ],
  'a drawn frame': [
    'Ja.⏎⏎━━━ Original ━━━⏎From: Ann <ann@ex.example>⏎Date: 05.03.24 14:07⏎To: Ben⏎Subject: Shed⏎⏎Welche?',
    'Ja.',
  ],
  'fields on the line of the frame': [
    'Ja.⏎⏎-------- Ursprüngliche Nachricht --------Von: Ann <ann@ex.example> Datum: 05.03.24  14:07  (GMT+01:00) An: Ben Betreff: Shed ⏎⏎Welche?',
    'Ja.',
  ],
  'fields in stars': [
    'Oui.⏎⏎** De : Ann ann@ex.example **⏎** Envoyé : mardi 5 mars 2024 14:07 **⏎** À : Ben **⏎** Objet : Charnières **⏎⏎Lesquelles ?',
    'Oui.',
  ],
  'fields in paragraphs of their own': [
    'Ja.⏎⏎**Von:** Ann <ann@ex.example>⏎⏎**Gesendet:** Dienstag, 5. März 2024 14:07⏎⏎**An:** Ben⏎⏎**Betreff:** Shed⏎⏎Welche?',
    'Ja.',
  ],
  'an attribution and fields': [
    'Ja.⏎⏎Am 05.03.24 um 14:07 schrieb Ann - Shop⏎Von: "Ann"⏎Datum: 5. März 2024 14:07⏎An: Ben⏎⏎Welche?',
    'Ja.',
  ],
  'an original on the line of its attribution': [
    'The big ones.⏎⏎On 03/05/2024 at 2:07 PM, "Ann" <ann@ex.example> wrote:Which hinges?',
    'The big ones.',
  ],
  'two dashes without their blank': ['Fine.⏎--⏎Ben Roth⏎Joiner⏎https://roth.example', 'Fine.'],
  'a rule and a name': ['Fine.⏎⏎_______________⏎Ben Roth, joiner', 'Fine.'],
  'a rule, a name and a rule': ['Fine.⏎⏎_______________⏎Ben Roth, joiner⏎_______________', 'Fine.'],
  'an invitation with its verb last': ['Ja.⏎⏎Outlook für Android beziehen<https://aka.ms/x>', 'Ja.'],
  'stray marks': ['Fine.⏎⏎####', 'Fine.'],
  'a banner of a filter': [
    'CAUTION: External sender. Do not click links unless you know the content is safe.⏎⏎Fine.',
    'Fine.',
  ],
  'initials before the quote': ['The small ones.⏎⏎ML> Which hinges?⏎ML> Or none?', 'The small ones.'],
};

/** The same, where only what is known of the original tells. */
const KNOWN: Readonly<Record<string, readonly [string, string, Known]>> = {
  'a name and a verb in no list': [
    'J. Lindqvist yura:⏎> Which hinges?⏎⏎The small ones.',
    'The small ones.',
    { names: ['J. Lindqvist'] },
  ],
  'a name turned round': ['Ex, Ann (Shop) piše:⏎> Which?⏎⏎The small ones.', 'The small ones.', ANN],
  'the local part of an address': [
    'maja membalas:⏎> Which?⏎⏎The small ones.',
    'The small ones.',
    { addresses: ['maja@ex.example'] },
  ],
  'a script without case': ['مها يازدى:⏎> Which?⏎⏎The small ones.', 'The small ones.', { names: ['مها'] }],
  'a date and a name alone': [
    'The big ones.⏎⏎2024-03-05 14:07 GMT+01:00 Ann Ex⏎⏎Which hinges?',
    'The big ones.',
    ANN,
  ],
  'lines of the original': [
    'The big ones.⏎⏎Which hinges shall I take for the shed?⏎The small ones are sold out already.',
    'The big ones.',
    { lines: ['Which hinges shall I take for the shed?', 'The small ones are sold out already.'] },
  ],
  'the Subject in a block of labels': ['Bai.⏎⏎Nork: Ann⏎Noiz: 05.03.24⏎Gaia: Re: Shed⏎⏎Zein?', 'Bai.', ANN],
};

const HTML: Readonly<Record<string, readonly [string, string]>> = {
  'text above the attribution in a container': [
    '<div class="gmail_quote"><div>They fit.</div><div class="gmail_attr">On Tue, Mar 5, 2024 at 2:07 PM Ann &lt;ann@ex.example&gt; wrote:</div><blockquote>Do they?</blockquote></div>',
    'They fit.',
  ],
  'the same of another client': [
    '<div class="yahoo_quoted"><div>They fit.</div><div>On Tue, Mar 5, 2024 at 2:07 PM Ann &lt;ann@ex.example&gt; wrote:</div><blockquote>Do they?</blockquote></div>',
    'They fit.',
  ],
  'text below a bounded signature': [
    '<div>Top.</div><br>-- <br><div class="gmail_signature">Ben</div><div>PS: the small ones cost less.</div>',
    'Top. PS: the small ones cost less.',
  ],
  'a container that closes below the fields': [
    '<div>Ja.</div><span id="OLK_SRC_BODY_SECTION"><div><b>From: </b>Ann &lt;ann@ex.example&gt;<br><b>Date: </b>Tuesday, 5 March 2024 14:07<br><b>To: </b>Ben<br><b>Subject: </b>Shed</div></span><div>Which hinges?</div>',
    'Ja.',
  ],
  'a signature in a pre': ['<div>The small ones.</div><pre>-- \nBen</pre>', 'The small ones.'],
  'prose in a pre': [
    '<pre style="font-family:Calibri">Hi, the small ones, please.</pre><div>x</div>',
    'Hi, the small ones, please. x',
  ],
  'code in a pre': ['<div>So:</div><pre>if (a) {\n  b();\n}</pre>', 'So: ``` if (a) { b(); } ```'],
  'a citation of the writer': [
    '<p>Here is the passage:</p><blockquote type="cite">The contract ends in March.</blockquote>',
    'Here is the passage: > The contract ends in March.',
  ],
  'a container that nothing opens': [
    '<div>Hello,</div><div class="gmail_quote"><p>thank you for asking.</p></div>',
    'Hello, thank you for asking.',
  ],
  'cells without headings': [
    '<table><tr><td>Q</td><td>Users</td></tr><tr><td>1</td><td>20</td></tr></table>',
    '| Q | Users | |---|---| | 1 | 20 |',
  ],
  'text that nobody sees': [
    '<div style="max-height:0;overflow:hidden">a</div><div style="font-size:0px">b</div><p hidden>c</p><p style="opacity: 0">d</p><p>Yes.</p>',
    'Yes.',
  ],
};

describe('what was typed stays', () => {
  for (const [name, text] of Object.entries(TYPED)) {
    for (const [how, known] of [
      ['alone', undefined],
      ['with what is known of the original', ANN],
    ] as const) {
      it(`${name}, ${how}`, () => {
        assert.equal(fold(extractReply(lines(text), known).reply), fold(lines(text)));
      });
    }
    // A forward stays with all that follows it.
    if (name.startsWith('a forward')) continue;
    it(`${name}, above an announced original`, () => {
      const original = '⏎⏎On Tue, 5 Mar 2024 at 14:07, Ann Ex <ann@ex.example> wrote:⏎> Which hinges?⏎';
      const { reply } = extractReply(lines(text + original), ANN);
      assert.equal(fold(reply), fold(lines(text)));
    });
  }
});

describe('the original and what is added go', () => {
  for (const [name, [text, reply]] of Object.entries(CUT)) {
    it(name, () => {
      assert.equal(fold(extractReply(lines(text)).reply), fold(lines(reply)));
      assert.equal(fold(extractReply(lines(text), ANN).reply), fold(lines(reply)));
    });
  }
});

describe('what is known of the original proves it', () => {
  for (const [name, [text, reply, known]] of Object.entries(KNOWN)) {
    it(name, () => {
      assert.equal(fold(extractReply(lines(text), known).reply), reply);
    });
  }
});

describe('what is sent on stays', () => {
  const block =
    'Von: Ann <ann@ex.example>⏎Gesendet: Dienstag, 5. März 2024 14:07⏎An: Ben⏎Betreff: Hinges⏎⏎Sold out.';
  for (const [name, text] of Object.entries({
    'below a block of fields': `See this.⏎⏎${block}`,
    'below a rule': `See this.⏎⏎________________________________⏎${block}`,
    'below a frame': `See this.⏎⏎-----Ursprüngliche Nachricht-----⏎${block}`,
  })) {
    it(`${name}, where the Subject says so`, () => {
      const known = (subject: string): Known => ({ subjects: [subject] });
      assert.equal(fold(extractReply(lines(text), known('WG: Hinges')).reply), fold(lines(text)));
      assert.equal(extractReply(lines(text), known('AW: Hinges')).reply, 'See this.');
    });
  }
});

describe('HTML', () => {
  for (const [name, [html, reply]] of Object.entries(HTML)) {
    it(name, () => {
      assert.equal(fold(htmlToMarkdown(html).reply), reply);
      assert.equal(fold(htmlToMarkdown(html, ANN).reply), reply);
    });
  }
});
