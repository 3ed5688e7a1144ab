// How providers write the header of a mail, and the mail of forgeries.ts in each of their forms.
//
// The forms were read in mail that people have published: Gmail of 2009 to 2025, Exchange Online of 2021 to 2026, Amazon
// SES of 2020 to 2025, Cloudflare of 2026. Names and addresses here are examples.

import type { Told } from './arriving.ts';
import { type Cases, ID, RECEIVED } from './forgeries.ts';

/** How a provider writes. */
export interface Form {
  /** What the source's table says. */
  readonly told: Told;
  /** Gives the field of results; `id` where it is another than the provider's own. */
  readonly field: (text: string, id?: string) => string;
  /** Gives the provider's own part of a header around what its filter wrote; `path` is the reverse-path. */
  readonly head: (filter: readonly string[], path: string) => readonly string[];
  /** Whether what the sender wrote begins below a Received of the provider, so that its place tells it. */
  readonly isMarked: boolean;
  /** Whether the provider's call names the envelope. */
  readonly hasEnvelope?: true;
}

/** The forms, by whose they are. */
export const FORMS: Readonly<Record<string, Form>> = {
  Gmail: {
    told: { authservId: 'mx.google.com', ownReceived: 3, ownHosts: ['mx.google.com'] },
    field: (text, id = 'mx.google.com') => `Authentication-Results: ${id}; ${text}`,
    head: (filter, path) => [
      'Delivered-To: support+tag@site.example',
      'Received: by 2002:a05:7300:1591:b0:1:2:3 with SMTP id a1csp1; Fri, 20 Nov 2026 01:15:00 -0800 (PST)',
      'X-Received: by 2002:a05:6102:1 with SMTP id a2mr1; Fri, 20 Nov 2026 01:15:00 -0800 (PST)',
      'ARC-Authentication-Results: i=1; mx.google.com; spf=none smtp.mailfrom=evil.example',
      `Return-Path: <${path}>`,
      'Received: from out.example.net (out.example.net. [192.0.2.7]) by mx.google.com with ESMTPS id b3si1 for <support+tag@site.example>; Fri, 20 Nov 2026 01:15:00 -0800 (PST)',
      'Received-SPF: none (google.com: 192.0.2.7 is neither permitted nor denied) client-ip=192.0.2.7;',
      ...filter,
    ],
    isMarked: false,
  },
  'Exchange Online, without an id': {
    told: { authservId: 'none', ownReceived: 4, ownHosts: ['mail.protection.outlook.com'] },
    field: (text, id = '') => `Authentication-Results: ${id === '' ? '' : `${id}; `}${text}`,
    head: exchangeHead,
    isMarked: true,
  },
  'Exchange Online, with its id': {
    told: { authservId: 'none', ownReceived: 3 },
    field: (text, id = 'mx.microsoft.com 1') => `Authentication-Results: ${id}; ${text}`,
    head: exchangeHead,
    isMarked: true,
  },
  'a hoster with Dovecot behind Postfix': {
    told: { authservId: 'mx.hoster.example', ownReceived: 2 },
    field: (text, id = 'mx.hoster.example') => `Authentication-Results: ${id}; ${text}`,
    head: (filter, path) => [
      `Return-Path: <${path}>`,
      'Delivered-To: support@site.example',
      'Received: from mx.hoster.example by imap.hoster.example with LMTP id aBcD (envelope-from <x>) for <support@site.example>; Fri, 20 Nov 2026 10:15:00 +0100',
      'Received: from out.example.net (out.example.net [192.0.2.7]) by mx.hoster.example (Postfix) with ESMTPS id 4Xabc for <support@site.example>; Fri, 20 Nov 2026 10:15:00 +0100 (CET)',
      ...filter,
    ],
    isMarked: false,
  },
  'a provider that posts, with an envelope': {
    told: { authservId: 'amazonses.com', ownReceived: 1, ownHosts: ['amazonaws.com'] },
    field: (text, id = 'amazonses.com') => `Authentication-Results: ${id}; ${text}`,
    head: (filter, path) => [
      `Return-Path: <${path}>`,
      'Received: from out.example.net (out.example.net [192.0.2.7]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id qep0 for support@site.example; Fri, 20 Nov 2026 09:15:00 +0000 (UTC)',
      'X-SES-Spam-Verdict: PASS',
      ...filter,
    ],
    isMarked: false,
    hasEnvelope: true,
  },
  'a worker at Cloudflare': {
    told: { authservId: 'mx.cloudflare.net', ownReceived: 1, ownHosts: ['cloudflare-email.net'] },
    field: (text, id = 'mx.cloudflare.net') => `Authentication-Results: ${id}; ${text}`,
    head: (filter) => [
      'Received: from out.example.net (192.0.2.7) by cloudflare-email.net (cloudflare) id GY1KdjWjOU9O for <support@site.example>; Fri, 20 Nov 2026 09:15:00 +0000',
      'ARC-Seal: i=1; a=rsa-sha256; s=cf2024-1; d=cloudflare-email.net; cv=none; b=x;',
      'ARC-Authentication-Results: i=1; mx.cloudflare.net; spf=none smtp.mailfrom=evil.example',
      'Received-SPF: none (mx.cloudflare.net: no SPF records found for mallory@evil.example) receiver=mx.cloudflare.net;',
      ...filter,
    ],
    isMarked: false,
    hasEnvelope: true,
  },
};

function exchangeHead(filter: readonly string[]): readonly string[] {
  return [
    'Received: from AB1PR02MB3921.prod.outlook.com (2603:1096:202:1f::14) by AB1PR02MB4113.prod.outlook.com with HTTPS; Fri, 20 Nov 2026 09:15:02 +0000',
    'Received: from AB1PR06CA0006.prod.outlook.com (2603:1096:202:2e::18) by AB1PR02MB3921.prod.outlook.com (2603:1096:202:1f::14) with Microsoft SMTP Server id 15.21.1; Fri, 20 Nov 2026 09:15:01 +0000',
    'Received: from AB1FT029.prod.protection.outlook.com (2603:1096:202:2e:cafe::4c) by AB1PR06CA0006.outlook.office365.com (2603:1096:202:2e::18) with Microsoft SMTP Server id 15.21.1 via Frontend Transport; Fri, 20 Nov 2026 09:15:01 +0000',
    ...filter,
    'Received-SPF: None (protection.outlook.com: evil.example does not designate permitted sender hosts)',
    'Received: from out.example.net (192.0.2.7) by AB1FT029.mail.protection.outlook.com (10.152.248.195) with Microsoft SMTP Server id 15.21.1 via Frontend Transport; Fri, 20 Nov 2026 09:15:00 +0000',
  ];
}

/** What the filter of a provider says of Mallory's mail, when it says nothing, when it objects, and of Alice's. */
export const SILENT = 'dmarc=none; dkim=none; spf=none smtp.mailfrom=evil.example';
export const FAILED = 'dmarc=fail header.from=example.com; spf=pass smtp.mailfrom=evil.example';
export const PASS = 'dmarc=pass header.from=example.com';

/** What a single field of a provider on top, or several, cannot say: tried by source-place.test.ts. */
export const OTHERWISE: ReadonlySet<string> = new Set([
  'a pass above that contradicts a fail',
  'several fields of ours',
  'a foreign field beside ours',
]);
/** What is genuine in the form of Exchange Online. */
export const GENUINE_WITHOUT_ID = 'a field without an id';

const isResult = (line: string): boolean => /^Authentication-Results:/i.test(line);

/** Rewrites a case of a site's own filter in the form of a provider, which wrote something itself in any case. */
export function inForm({ field, head }: Form, lines: readonly string[], path: string): readonly string[] {
  const mark = lines.indexOf(RECEIVED);
  const above = lines.slice(0, Math.max(0, mark)).map((line) => ofForm(field, line));
  const below = lines.slice(mark + 1).map((line) => ofForm(field, line));
  const filter = above.some(isResult) ? above : [...above, field(SILENT)];
  return [...head(filter, path), ...below];
}

/** Rewrites a field of results; whatever else names the site's id names it still. */
function ofForm(field: Form['field'], line: string): string {
  const own = `Authentication-Results: ${ID}; `;
  const flat = line.replaceAll('\r\n\t', ' ');
  if (!flat.startsWith(own)) return line;
  const written = field(flat.slice(own.length));
  return flat === line ? written : written.replaceAll(' ', '\r\n\t');
}

/** A Received of some host. */
export const RECEIVED_BY = (name: string): string =>
  `Received: from x (x [192.0.2.9]) by ${name} with ESMTPS id f0rg; Fri, 20 Nov 2026 09:14:00 +0000`;
const PROVIDERS = [
  'mx.google.com',
  'AB1FT029.mail.protection.outlook.com',
  'inbound-smtp.eu-west-1.amazonaws.com',
];

/** What Mallory writes below a provider's own part to pass for Alice. */
export function below(form: Form): Cases {
  const pass = form.field(PASS);
  const value = pass.slice(pass.indexOf(':') + 1).trim();
  const named = (name: string): string => `${name}: ${value}`;
  const whole = form.head([pass], 'alice@example.com');
  return {
    "the provider's own field": [pass],
    'the field without an id': [`Authentication-Results: ${PASS}`],
    'the field of Microsoft': [`Authentication-Results: mx.microsoft.com 1; ${PASS}`],
    'an id called none': [`Authentication-Results: none; ${PASS}`],
    'an empty id in quotes': [`Authentication-Results: ""; ${PASS}`],
    'the field twice': [pass, pass],
    'in capitals': [named('AUTHENTICATION-RESULTS')],
    'with a space before its colon': [named('Authentication-Results ')],
    'folded after its name': [`Authentication-Results:\r\n ${value}`],
    'folded at every space': [pass.replaceAll(' ', '\r\n\t')],
    'folded with a line of white space': [`Authentication-Results:\r\n \r\n ${value}`],
    'behind a bare CR': [`X-Note: x\r${pass}`],
    'of an ARC chain': [
      `ARC-Authentication-Results: i=1; ${value}`,
      'ARC-Seal: i=1; cv=none; d=google.com; b=x',
    ],
    'of Exchange between tenants': [named('X-MS-Exchange-Authentication-Results')],
    'of a hop before': [named('X-Received-Authentication-Results'), named('Authentication-Results-Original')],
    'beside a Received-SPF': [
      'Received-SPF: pass (google.com: domain of alice@example.com) client-ip=192.0.2.9;',
      pass,
    ],
    'below a Received that has all names of providers': PROVIDERS.flatMap((name) => [
      RECEIVED_BY(name),
      pass,
    ]),
    'below ten Received': [...Array.from({ length: 10 }, () => RECEIVED_BY('mx.google.com')), pass],
    'the whole head of the provider': [...whole],
    'the whole head, twice': [...whole, ...whole],
    'results of an internal hop': [
      `Received: from localhost by ${PROVIDERS[0]}; x`,
      pass,
      RECEIVED_BY('localhost'),
    ],
    "a Return-Path of Alice's": ['Return-Path: <alice@example.com>', pass],
  };
}

/** What becomes of a forgery. */
export const DISCARDED = /^(?:discarded: (?:spoofed|malformed|loop|bounce)|rejected: no-such-address)$/;
