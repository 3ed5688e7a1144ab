// Postfix for a site with several reply domains: each is taken, routed and refused for, and what is there already stays.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { checkDelivery } from '../../src/ctl/postfix/delivery-checks.ts';
import { commandsOf, planWiring } from '../../src/ctl/postfix/plan.ts';
import { type PostfixSetup, readPostfix } from '../../src/ctl/postfix/postfix-setup.ts';
import { checkRefusals } from '../../src/ctl/postfix/refusal-checks.ts';
import { mainSnippet } from '../../src/ctl/postfix/snippet.ts';
import type { Config } from '../../src/site/config.ts';
import { configOf, LEAST } from '../config/least.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const skip = postfixUnavailable();

const siteOf = (names: string, more = ''): Config =>
  configOf(LEAST.replace('domain = "reply.example.org"', names) + more);

const BOTH = 'domain = ["new.example.org", "reply.example.org"]\nprefix = ["r+", "reply+"]';
const POLICY = '[policy]\nsocket = "/var/spool/postfix/mailgw/policy.sock"\n';

/** A Postfix with these lines in its main.cf. */
function postfixWith(scratch: Scratch, name: string, lines: readonly string[]): PostfixSetup {
  const directory = scratch.path(name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/main.cf`, ['compatibility_level = 3.6', ...lines, ''].join('\n'));
  writeFileSync(`${directory}/master.cf`, 'smtp inet n - n - - smtpd\nmailgw unix - - n - - lmtp\n');
  const read = readPostfix(directory);
  assert.ok(read.ok, JSON.stringify(read));
  return read.setup;
}

describe('the lines for a Postfix of its own', () => {
  it('name every reply domain', () => {
    const lines = mainSnippet(siteOf(BOTH, POLICY), '/var/spool/postfix');
    assert.match(lines, /^relay_domains = new\.example\.org, reply\.example\.org$/m);
    for (const domain of ['new.example.org', 'reply.example.org']) {
      assert.ok(lines.includes(`{ postmaster@${domain} = DUNNO },`));
      assert.ok(lines.includes(`{ ${domain} = mailgw_policy }`));
    }
    const probes = mainSnippet(siteOf(BOTH), '/var/spool/postfix');
    assert.match(
      probes,
      /\{ new\.example\.org = reject_unverified_recipient \}, \{ reply\.example\.org = reject_unverified_recipient \} \}/,
    );
  });
});

describe('a Postfix that serves the old domain alone', { skip }, () => {
  const live = [
    'relay_domains = reply.example.org',
    'transport_maps = inline:{ { reply.example.org = mailgw:unix:mailgw/lmtp.sock } }',
    'smtpd_restriction_classes = mailgw_policy',
    'mailgw_policy = check_policy_service { unix:mailgw/policy.sock, timeout=20s, try_limit=2, retry_delay=1s }',
    'smtpd_recipient_restrictions = check_recipient_access inline:{ { reply.example.org = mailgw_policy } }',
    'mailgw_destination_recipient_limit = 1',
    'relay_recipient_maps = inline:{ { @reply.example.org = OK } }',
  ];

  it('is told what the new one lacks, and is given that alone', (t) => {
    const setup = postfixWith(testScratch(t), 'postfix', live);
    const config = siteOf(BOTH, POLICY);
    const problems = [...checkDelivery({ config, setup }), ...checkRefusals({ config, setup })].filter(
      ({ status }) => status === 'problem' || status === 'warning',
    );
    const about = problems.filter((finding) => JSON.stringify(finding).includes('new.example.org'));
    assert.deepEqual(
      about.map(({ check }) => check),
      ['postfix.domain', 'postfix.relay_recipients', 'postfix.refusal'],
    );
    const commands = commandsOf(setup, planWiring({ config, setup })).join('\n');
    assert.match(commands, /'relay_domains = reply\.example\.org, new\.example\.org'/);
    assert.match(
      commands,
      /'transport_maps = inline:\{ \{ new\.example\.org = mailgw:unix:\S+ \} \}, inline:\{ \{ reply/,
    );
    assert.match(
      commands,
      /relay_recipient_maps = .*\{ @reply\.example\.org = OK \} \}, inline:\{ \{ @new\.example\.org/,
    );
    assert.match(
      commands,
      /\{ postmaster@new\.example\.org = DUNNO \}, \{ new\.example\.org = mailgw_policy \}/,
    );
    assert.doesNotMatch(commands, /smtpd_restriction_classes/);
  });

  it('lacks nothing while it is the only one', (t) => {
    const setup = postfixWith(testScratch(t), 'postfix', live);
    const config = siteOf('domain = "reply.example.org"', POLICY);
    const commands = commandsOf(setup, planWiring({ config, setup })).join('\n');
    assert.doesNotMatch(
      commands,
      /relay_domains|transport_maps|relay_recipient_maps|smtpd_recipient_restrictions/,
    );
  });
});
