// Forged and genuine mail of Alice's, as the filter of a site or of a provider reports on it: its header lines, by trick.
//
// What stands above `RECEIVED` the filter wrote, or somebody before it; what is below, the sender.

export const ID = 'mx.example.org';
export const RECEIVED = `Received: from out.example.net by ${ID} (Postfix) with ESMTPS id 4Xabc`;
export const results = (text: string, id = ID): string => `Authentication-Results: ${id}; ${text}`;
export const PASS = results('dmarc=pass header.from=example.com');
export const FAILED = results(
  'dmarc=fail header.from=example.com; spf=pass smtp.mailfrom=mallory@evil.example',
);
export const SILENT = results('dmarc=none; dkim=none; spf=none smtp.mailfrom=mallory@evil.example');
export const HERS = results(
  'dmarc=pass header.from=evil.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=mallory@evil.example',
);
export const ALICE = 'From: Alice <alice@example.com>';
export const MALLORY = 'From: Mallory <mallory@evil.example>';

/** Mail that Mallory's server authenticated as hers, with this From. */
export const hers = (from: string): string[] => [HERS, RECEIVED, `From: ${from}`];
/** Mail in Alice's name with this result of our filter. */
export const judged = (text: string): string[] => [results(text), RECEIVED, ALICE];
/** A field of another id than ours, above all else. */
export const ofId = (id: string): string[] => [
  results('dmarc=pass header.from=example.com', id),
  RECEIVED,
  ALICE,
];

/** Lines of a header, by what they try. */
export type Cases = Readonly<Record<string, readonly string[]>>;

/** Mail with results that nobody honest wrote. */
export const FORGED_RESULTS: Cases = {
  'no result at all': [RECEIVED, ALICE],
  'no result and no Received': [ALICE],
  'a failed check': [FAILED, RECEIVED, ALICE],
  'a silent filter': [SILENT, RECEIVED, ALICE],
  'a pass below our Received': [RECEIVED, PASS, ALICE],
  'a pass below our Received, the truth above': [FAILED, RECEIVED, PASS, ALICE],
  'a pass at the very end': [SILENT, RECEIVED, ALICE, 'Subject: x', PASS],
  'a pass between two forged Received': [SILENT, RECEIVED, RECEIVED, PASS, RECEIVED, ALICE],
  'a pass below a Received with a space before its colon': [RECEIVED.replace(':', ' :'), PASS, ALICE],
  'a pass below a Received in capitals': [RECEIVED.toUpperCase(), PASS, ALICE],
  'a pass below an empty Received': ['Received:', PASS, ALICE],
  'a pass folded into our Received': [`${RECEIVED}\r\n ${PASS}`, ALICE],
  'a pass after a bare CR in our Received': [`${RECEIVED}\r${PASS}`, ALICE],
  'a pass after a bare CR in a field above': [`X-Note: x\r${PASS}`, RECEIVED, ALICE],
  'a pass above that contradicts a fail': [PASS, FAILED, RECEIVED, ALICE],
  'another id': ofId('mx.evil.example'),
  'an id that begins like ours': ofId(`${ID}.evil.example`),
  'an id that begins like ours, with a hyphen': ofId(`${ID}-evil`),
  'an id that ends like ours': ofId(`evil-${ID}`),
  'an id below ours': ofId(`a.${ID}`),
  'the domain of our id': ofId('example.org'),
  'our id with a dot at its end': ofId(`${ID}.`),
  'our id in a comment before another': ofId(`(${ID}) mx.evil.example`),
  'our id in a comment after another': ofId(`mx.evil.example (${ID})`),
  'our id as the version': ofId(`mx.evil.example ${ID}`),
  'our id with a Cyrillic letter': ofId('mx.exаmple.org'),
  'our id with a zero-width space': ofId('mx.exam\u200bple.org'),
  'our id with a NUL': ofId(`${ID}\0.evil.example`),
  'our id as an encoded-word': ofId(`=?utf-8?q?${ID}?=`),
  'our id in half a quoted string': ofId(`"${ID}`),
  'our id with a path': ofId(`${ID}/evil`),
  'our id of another version': ofId(`${ID} 2`),
  'our id split by a comment': ofId('mx.(x)example.org'),
  'a field without an id': ['Authentication-Results: dmarc=pass header.from=example.com', RECEIVED, ALICE],
  'a field of another name': [`X-${PASS}`, RECEIVED, ALICE],
  'the results of a forwarder': [`Original-${PASS}`, RECEIVED, ALICE],
  'the results in an ARC chain': [
    `ARC-Authentication-Results: i=1; ${ID}; dmarc=pass header.from=example.com`,
    RECEIVED,
    ALICE,
  ],
  'a sound ARC chain of hers': judged('arc=pass (i=1 dmarc=pass header.from=example.com); dmarc=fail'),
  'a pass in a comment': judged('dmarc=none (dmarc=pass header.from=example.com)'),
  'a pass in a nested comment': judged('none (a (b) ; dmarc=pass header.from=example.com)'),
  'a pass in a quoted local part': judged(
    'spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com"@evil.example',
  ),
  'a pass after a quote that her local part opens': judged(
    'spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com',
  ),
  'a pass after a comment that her local part opens': judged(
    'spf=pass smtp.mailfrom=x(@evil.example; dmarc=pass header.from=example.com',
  ),
  'a pass in a reason': judged('dmarc=fail reason="dmarc=pass" header.from=example.com'),
  'a pass without a semicolon before it': judged(
    'spf=none smtp.mailfrom=evil.example\r\n dmarc=pass header.from=example.com',
  ),
  'a pass of a method that is not ours': judged(
    'x-dmarc=pass header.from=example.com; auth=pass smtp.auth=alice',
  ),
  'a pass of a later version of a method': judged('dkim/2=pass header.d=example.com'),
  'a pass with letters after it': judged('dmarc=passed header.from=example.com'),
  'a pass for her domain': [HERS, RECEIVED, ALICE],
  'a pass for her domain beside a DKIM pass for ours': judged(
    'dmarc=pass header.from=evil.example; dkim=pass header.d=example.com',
  ),
  'a pass for no domain': judged('dmarc=pass'),
  'a pass for a domain below': judged('dmarc=pass header.from=evil.example.com'),
  'a pass for a domain above': judged('dmarc=pass header.from=com'),
  'a pass for a look-alike': judged('dmarc=pass header.from=exаmple.com'),
  'a pass for two domains in one property': judged('dmarc=pass header.from=evil.example,example.com'),
  'a pass whose property is given twice': judged(
    'dmarc=pass header.from=evil.example header.from=example.com',
  ),
  'DKIM of a tenant below': judged('dkim=pass header.d=evil.example.com'),
  'DKIM of a domain that ends alike': judged('dkim=pass header.d=evilexample.com'),
  'DKIM of the top-level domain': judged('dkim=pass header.d=com'),
  'DKIM with an address for a domain': judged('dkim=pass header.d=evil.example@example.com'),
  'DKIM of hers with an identity of ours': judged(
    'dkim=pass header.d=evil.example header.i=alice@example.com',
  ),
  'DKIM that is only neutral': judged('dkim=neutral (pass) header.d=example.com'),
  'SPF of her own path': judged('spf=pass smtp.mailfrom=mallory@evil.example'),
  'SPF with ours in the local part': judged('spf=pass smtp.mailfrom=alice@example.com@evil.example'),
  'SPF with ours in a quoted local part': judged('spf=pass smtp.mailfrom="alice@example.com"@evil.example'),
  'SPF of the HELO name': judged('spf=pass smtp.helo=example.com'),
  'SPF of the null path': judged('spf=pass smtp.mailfrom=<> smtp.helo=example.com'),
  'SPF that failed softly': judged('spf=softfail smtp.mailfrom=alice@example.com'),
};

/** Mail whose author is not who it seems. */
export const FORGED_AUTHORS: Cases = {
  'her own address': [HERS, RECEIVED, MALLORY],
  'two From fields, ours first': [PASS, RECEIVED, ALICE, MALLORY],
  'two From fields, ours last': [HERS, RECEIVED, MALLORY, ALICE],
  'two From fields that are the same': [PASS, RECEIVED, ALICE, ALICE],
  'two From fields, one in capitals': [PASS, RECEIVED, ALICE, MALLORY.toUpperCase()],
  'two From fields, one with a space before its colon': [PASS, RECEIVED, ALICE, MALLORY.replace(':', ' :')],
  'two From fields, one of them empty': [PASS, RECEIVED, ALICE, 'From:'],
  'a From field behind a bare CR': [HERS, RECEIVED, `Subject: x\r${ALICE}`, MALLORY],
  'a From field only behind a bare CR': [PASS, RECEIVED, `Subject: x\r${ALICE}`],
  'a second From behind a bare CR': [PASS, RECEIVED, `${ALICE}\r${MALLORY}`],
  'a second From behind a bare CR in a comment': [PASS, RECEIVED, `${ALICE} (\r${MALLORY}\r)`],
  'a From below a line that is no field': [PASS, RECEIVED, 'not a field', ALICE],
  'a From folded into another field': [PASS, RECEIVED, `Subject: x\r\n ${ALICE}`],
  'two addresses': hers('alice@example.com, mallory@evil.example'),
  'two addresses, authenticated': [PASS, RECEIVED, 'From: alice@example.com, mallory@evil.example'],
  'two addresses without a comma': hers('<alice@example.com> <mallory@evil.example>'),
  'two addresses with a semicolon': hers('alice@example.com; mallory@evil.example'),
  'a group': [PASS, RECEIVED, 'From: Friends: alice@example.com;'],
  'a group of two': hers('Friends: alice@example.com, mallory@evil.example;'),
  'an empty group beside an address': [PASS, RECEIVED, 'From: None:;, alice@example.com'],
  'ours as her display name': hers('alice@example.com <mallory@evil.example>'),
  'ours as her quoted display name': hers('"alice@example.com" <mallory@evil.example>'),
  'ours in brackets in her display name': hers('"Alice <alice@example.com>" <mallory@evil.example>'),
  'ours behind an escaped quote': hers('"Alice\\" <alice@example.com>" <mallory@evil.example>'),
  'ours behind line breaks in her display name': hers(
    `"alice@example.com${'\r\n '.repeat(40)}" <mallory@evil.example>`,
  ),
  'ours in a comment': hers('mallory@evil.example (alice@example.com)'),
  'ours in a comment inside the address': hers('mallory(alice@example.com)@evil.example'),
  'ours as an encoded-word before her address': hers(
    '=?utf-8?q?alice=40example.com?= <mallory@evil.example>',
  ),
  'ours as an encoded-word with brackets': hers(
    '=?utf-8?q?Alice_=3Calice=40example.com=3E?= <mallory@evil.example>',
  ),
  'ours as nothing but an encoded-word': hers('=?utf-8?b?YWxpY2VAZXhhbXBsZS5jb20=?='),
  'an encoded-word in the address': [PASS, RECEIVED, 'From: <=?utf-8?q?alice?=@example.com>'],
  'an encoded-word that ends the address': hers('=?utf-8?q?alice=40example.com=3E=00?=@evil.example'),
  'an encoded-word for a domain': hers('alice@=?utf-8?q?example.com?='),
  'ours as her quoted local part': hers('"alice@example.com"@evil.example'),
  'ours before her domain': hers('alice@example.com@evil.example'),
  'ours as a route': hers('<@example.com:mallory@evil.example>'),
  'ours as a route without an @': hers('<alice@example.com:mallory@evil.example>'),
  'hers in a name with a lone quote': [HERS, RECEIVED, 'From: "mallory@evil.example <alice@example.com>'],
  'hers in a name with spaces': [PASS, RECEIVED, 'From: mallory @ evil.example <alice@example.com>'],
  'hers in a name with a comment': [PASS, RECEIVED, 'From: mallory@(c)evil.example <alice@example.com>'],
  'hers in square brackets': [PASS, RECEIVED, 'From: [mallory@evil.example] <alice@example.com>'],
  'hers encoded behind a lone quote': [
    PASS,
    RECEIVED,
    'From: "=?utf-8?q?=3Cmallory=40evil.example=3E?= <alice@example.com>',
  ],
  'hers in brackets behind a lone quote': [
    PASS,
    RECEIVED,
    'From: "<mallory@evil.example> <alice@example.com>',
  ],
  'ours in a name with an at sign, vouched for as hers': [
    HERS,
    RECEIVED,
    'From: Ann @ Acme <alice@example.com>',
  ],
  'hers as a route before ours': [HERS, RECEIVED, 'From: <@evil.example:alice@example.com>'],
  'a percent route': hers('alice%example.com@evil.example'),
  'a bang path': hers('evil.example!alice'),
  'a look-alike domain': hers('alice@exаmple.com'),
  'a look-alike domain that she authenticates': [
    results('dmarc=pass header.from=xn--exmple-4nf.com'),
    RECEIVED,
    'From: alice@exаmple.com',
  ],
  'a look-alike local part': [PASS, RECEIVED, 'From: аlice@example.com'],
  'a local part with a letter that folds to ours': [PASS, RECEIVED, 'From: al\u0130ce@example.com'],
  'a local part in full-width letters': [PASS, RECEIVED, 'From: ａｌｉｃｅ@example.com'],
  'a zero-width space in the local part': [PASS, RECEIVED, 'From: al\u200bice@example.com'],
  'a zero-width space in the domain': [PASS, RECEIVED, 'From: alice@exam\u200bple.com'],
  'a soft hyphen in the domain': [PASS, RECEIVED, 'From: alice@exam\u00adple.com'],
  'a right-to-left override': hers('"\u202emoc.elpmaxe@ecila" <mallory@evil.example>'),
  'a dot at the end of our domain': [PASS, RECEIVED, 'From: alice@example.com.'],
  'a domain below ours': [
    results('dmarc=pass header.from=a.example.com'),
    RECEIVED,
    'From: alice@a.example.com',
  ],
  'our domain as a domain below hers': hers('alice@example.com.evil.example'),
  'a NUL after ours': hers('alice@example.com\0@evil.example'),
  'a NUL in ours': [PASS, RECEIVED, 'From: ali\0ce@example.com'],
  'a plus tag': [PASS, RECEIVED, 'From: alice+evil@example.com'],
  'a dot in the local part': [PASS, RECEIVED, 'From: a.lice@example.com'],
  'a space in a quoted local part': [PASS, RECEIVED, 'From: "alice "@example.com'],
  'another user of our domain': [PASS, RECEIVED, 'From: mallory@example.com'],
  'an address literal': hers('alice@[192.0.2.1]'),
  'a local part alone': hers('alice'),
  'a domain alone': hers('@example.com'),
  'empty brackets': hers('Alice <>'),
  'an overlong UTF-8 character': [PASS, RECEIVED, 'From: alice\u00c0\u0080@example.com'],
  'Sender, Reply-To and Return-Path of ours': [
    'Return-Path: <alice@example.com>',
    HERS,
    RECEIVED,
    MALLORY,
    'Sender: alice@example.com',
    'Reply-To: alice@example.com',
  ],
  'Resent-From of ours': [PASS, RECEIVED, 'Resent-From: alice@example.com', MALLORY],
  'X-Original-From of ours': [HERS, RECEIVED, MALLORY, 'X-Original-From: alice@example.com'],
  'another registered user, authenticated as himself': [PASS, RECEIVED, 'From: bob@example.com'],
};

/** Mail that Alice wrote. */
export const GENUINE: Cases = {
  'a plain address': [PASS, RECEIVED, 'From: alice@example.com'],
  'a display name': [PASS, RECEIVED, ALICE],
  'a quoted display name with a comma': [PASS, RECEIVED, 'From: "Example, Alice" <alice@example.com>'],
  'a display name with a stranger in it': [PASS, RECEIVED, 'From: "bob@evil.example" <alice@example.com>'],
  'an encoded display name': [PASS, RECEIVED, 'From: =?utf-8?q?Al=C3=AFce?= <alice@example.com>'],
  'a display name in UTF-8': [PASS, RECEIVED, 'From: Alïce <alice@example.com>'],
  'a display name in Windows-1252 with a C1 octet': [
    PASS,
    RECEIVED,
    'From: "\u0080lice" <alice@example.com>',
  ],
  'the name in a comment, as before RFC 822': [PASS, RECEIVED, 'From: alice@example.com (Alice)'],
  'another case': [PASS, RECEIVED, 'From: Alice@EXAMPLE.com'],
  'a needless quoted string': [PASS, RECEIVED, 'From: "alice"@example.com'],
  'spaces in the address (obsolete)': [PASS, RECEIVED, 'From: alice @ example . com'],
  'a route (obsolete)': [PASS, RECEIVED, 'From: <@relay.example:alice@example.com>'],
  'a space before the colon (obsolete)': [PASS, RECEIVED, 'From : alice@example.com'],
  'a folded field': [PASS, RECEIVED, 'From: Alice\r\n\t<alice@example.com>'],
  'a second registered address': [
    results('dmarc=pass header.from=work.example'),
    RECEIVED,
    'From: alice@work.example',
  ],
  'an internationalised domain in U-labels': [
    results('dmarc=pass header.from=xn--bcher-kva.example'),
    RECEIVED,
    'From: alice@bücher.example',
  ],
  'an internationalised domain that the filter wrote in U-labels': [
    results('dmarc=pass header.from=bücher.example'),
    RECEIVED,
    'From: alice@xn--bcher-kva.example',
  ],
  'a folded result': [PASS.replaceAll(' ', '\r\n\t'), RECEIVED, ALICE],
  'a result with comments': judged(
    'dmarc (1) = (2) pass (p=REJECT; sp=none) header (3) . from = example.com (4)',
  ),
  'our id in another case': ofId('MX.Example.Org'),
  'our id in quotes, with its version': ofId(`"${ID}" 1`),
  'our id between comments': ofId(`(a) ${ID} (b)`),
  'several results in one field': judged(
    'dkim=pass header.d=list.example; spf=none smtp.mailfrom=a@b.example; dmarc=pass header.from=example.com',
  ),
  'several fields of ours': [
    results('spf=fail smtp.mailfrom=a@list.example'),
    results('dkim=pass header.d=example.com'),
    PASS,
    RECEIVED,
    ALICE,
  ],
  'a foreign field beside ours': [
    results('dmarc=fail header.from=example.com', 'mx.else.example'),
    PASS,
    RECEIVED,
    ALICE,
  ],
  'an aligned DKIM pass without DMARC': judged(
    'dkim=pass header.d=example.com; dmarc=none header.from=example.com',
  ),
  'an aligned DKIM identity': judged('dkim=pass header.i=@example.com'),
  'an aligned SPF pass': judged('spf=pass smtp.mailfrom=bounce@example.com'),
  'one of two DKIM signatures': judged('dkim=fail header.d=example.com; dkim=pass header.d=example.com'),
  'a forged field of hers below ours': [PASS, RECEIVED, FAILED, ALICE],
  'Sender of an assistant': [PASS, RECEIVED, ALICE, 'Sender: bob@example.com'],
  'a list that kept From': [PASS, RECEIVED, ALICE, 'List-Id: <list.example.org>'],
};
