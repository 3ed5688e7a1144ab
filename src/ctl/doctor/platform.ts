/**
 * The servers that mailgw asks: the sink, spamd, and the Postfix that takes notices.
 *
 * Contract: nothing is posted, judged or sent. The sink gets an unsigned OPTIONS, which by RFC 9110 §9.2.1 changes
 * nothing and which no platform that checks signatures can take for a post; so whether it would accept our signature
 * is not known before the first post.
 */

import { describe, EXIT } from '../../actions/fault.ts';
import { mailServer } from '../../config/config.ts';
import { type Endpoint, endpointText } from '../../config/kinds.ts';
import type { ConfiguredSink } from '../../config/sinks.ts';
import { openSpamd } from '../../gate/spam-policy.ts';
import type { Lack, Sink } from '../../sinks/sink.ts';
import type { LoadedSink } from '../../sinks/sink-kind.ts';
import type { Config } from '../../site/config.ts';
import { readNoticeTexts } from '../../site/notices.ts';
import { withinDeadline } from '../../system/deadline.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';
import { openTalk } from './talk.ts';

const WITHIN_MS = 10_000;

/** Examines the sink; a stranger is somebody who may not read its secrets, which says nothing of mailgwd. */
export async function checkSink(
  configured: ConfiguredSink,
  loaded: LoadedSink,
  stranger: boolean,
): Promise<Finding[]> {
  const { key, threads } = configured;
  if (!loaded.ok) {
    const isUnknown = stranger && loaded.problems.every((what) => what.includes('EACCES'));
    if (isUnknown) return [skipped('sink.options', `${loaded.problems.join('; ')}; run doctor as root`)];
    return loaded.problems.map((what) =>
      problem('sink.options', EXIT.configuration, {
        what,
        why: 'mailgwd does not start',
        fix: `mend ${threads === undefined ? '[sink]' : key} in mailgw.toml: mailgw-ctl config check`,
      }),
    );
  }
  try {
    const findings = await examine(loaded.sink, configured);
    return threads === undefined ? findings : findings.map((finding) => named(finding, configured));
  } finally {
    await loaded.sink.close();
  }
}

/** Says of which sink a finding is, where there are several. */
function named(finding: Finding, { name, key }: ConfiguredSink): Finding {
  // What to mend is named by its path in the file.
  const own = (text: string): string => text.replaceAll(/\bsink\.(?=[a-z_]+\b)/g, `${key}.`);
  const what = `${name}: ${finding.what}`;
  return 'fix' in finding ? { ...finding, what, fix: own(finding.fix) } : { ...finding, what };
}

async function examine(sink: Sink, { options: table, threads }: ConfiguredSink): Promise<Finding[]> {
  const options = fine(
    'sink.options',
    `type ${String(table.type)}${threads === undefined ? '' : `, threads that begin with "${threads}"`}`,
  );
  const ask = sink.examine?.bind(sink);
  if (ask === undefined)
    return [
      options,
      skipped('sink.reachable', 'this sink has no examine(): it cannot be asked without posting'),
      skipped(
        'sink.posts_as',
        'this sink has no examine(): it does not say; it is given the user of each reply',
      ),
    ];
  const { status, diagnostic, postsAs, lack } = await withinDeadline(WITHIN_MS, ask).catch(
    (error: unknown) => ({
      status: undefined,
      diagnostic: `examine(): ${describe(error)}`,
      postsAs: 'the sink does not say',
      lack: undefined,
    }),
  );
  const place = typeof table.url === 'string' ? `${table.url.replace(/\?.*/, '')}: ` : '';
  if (lack !== undefined) return [options, lacking(lack, place + diagnostic)];
  return [options, judgeStatus(status, place + diagnostic), note('sink.posts_as', postsAs)];
}

/** Tells what is missing on the platform's side. */
function lacking({ what, fix }: Lack, answer: string): Finding {
  return problem('sink.rights', EXIT.configuration, {
    what: `${what} (${answer})`,
    why: 'no reply is posted: each is kept and tried again for delivery.max_age',
    fix,
  });
}

function judgeStatus(status: number | undefined, what: string): Finding {
  const check = 'sink.reachable';
  if (status === undefined) {
    return problem(check, EXIT.unavailable, {
      what,
      why: 'replies are kept and tried again for delivery.max_age, then they are dead letters',
      fix: 'start the platform, or mend sink.url (and sink.ca_file for a certificate of your own)',
    });
  }
  if (status >= 500) {
    return warning(check, {
      what,
      why: 'the platform, or the proxy before it, has trouble of its own; posts may be deferred',
      fix: "look at the platform's own log",
    });
  }
  if (status >= 300 && status < 400) {
    return warning(check, {
      what,
      why: 'redirects are never followed: if a POST is redirected too, no reply is posted',
      fix: 'name the place that it redirects to in sink.url',
    });
  }
  // Many platforms know no OPTIONS: 404 and 405 say that somebody is there.
  return fine(check, `${what}; that it takes posts is not shown by this`);
}

/** Examines spamd, where it is asked. */
export async function checkSpamd({ spam }: Config): Promise<Finding> {
  const check = 'spamd';
  if (spam.source !== 'spamd') return skipped(check, `spam.source is "${spam.source}"`);
  const place = 'path' in spam.spamd ? spam.spamd.path : `${spam.spamd.host}:${spam.spamd.port}`;
  const pong = await openSpamd(spam).ping();
  if (pong.ok) return fine(check, `${place}: PONG`);
  return problem(check, EXIT.unavailable, {
    what: `spam.spamd: ${place}: ${pong.reason}`,
    why: `replies come unjudged; spam.unchecked is "${spam.unchecked}"`,
    fix: 'systemctl start spamd (Debian: spamassassin); mailgw-ctl spam ping',
  });
}

/** Examines what sends notices, and the notifications that the platform hands over. */
export async function checkNotices(config: Config): Promise<Finding[]> {
  const check = config.outbound.relay === undefined ? 'notice.server' : 'outbound.relay';
  const hasNotices = config.notice.kinds.length > 0;
  if (!hasNotices && config.outbound.relay === undefined) return [skipped(check, 'notice.kinds is empty')];
  const texts = readNoticeTexts(config);
  const findings = texts.ok
    ? texts.notes.map((what) => note('notice.texts', what))
    : texts.problems.map((what) =>
        problem('notice.texts', EXIT.configuration, {
          what,
          why: 'mailgwd does not start',
          fix: 'mend the text, or leave notice.texts empty',
        }),
      );
  const server = endpointText(mailServer(config));
  try {
    const { greeting } = await greet(mailServer(config));
    if (greeting.code !== 220) throw new Error(`says "${greeting.text}"`);
    return [...findings, fine(check, `${server}: ${greeting.text}`)];
  } catch (error) {
    return [
      ...findings,
      problem(check, EXIT.unavailable, {
        what: `${check}: ${server}: ${describe(error)}`,
        why: 'notifications wait, and users are not told what became of replies that could not be posted',
        fix: `start Postfix, mend ${check}${hasNotices ? ', or set notice.kinds = []' : ''}`,
      }),
    ];
  }
}

async function greet(place: Endpoint): Promise<{ greeting: { code: number; text: string } }> {
  const talk = await openTalk(place, WITHIN_MS);
  talk.close();
  return talk;
}
