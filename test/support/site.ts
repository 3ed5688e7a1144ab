// A whole installation for one suite: Postfix from postfix-examples/, the daemon on its socket, a platform.
//
// Contract: everything is started before the suite's first test and ends after its last; where Postfix cannot run,
// nothing is started, and the tests skip with the reason of postfixUnavailable().

import { after, before } from 'node:test';
import { type Daemon, type Minted, type MintOptions, type Settings, startDaemon } from './daemon.ts';
import { type Platform, startPlatform } from './platform.ts';
import {
  lmtpSocketIn,
  type Postfix,
  type PostfixOptions,
  policySocketIn,
  postfixUnavailable,
  startPostfix,
} from './postfix.ts';
import { type Scratch, suiteScratch } from './scratch.ts';

/** A running installation. */
export interface Site {
  readonly postfix: Postfix;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly scratch: Scratch;
}

/** What a suite may choose. */
export interface SiteOptions {
  /** Postfix's options, made once the daemon runs, so that tables can name minted addresses. */
  readonly postfix?: (daemon: Daemon, scratch: Scratch) => PostfixOptions | Promise<PostfixOptions>;
  /** Settings of mailgw.toml. */
  readonly settings?: Settings;
}

/** The user that every site has, with the address that the tests send from. */
export const ALICE = { user: 'alice', address: 'alice@example.com' } as const;

/** Starts a site around the suite whose body calls this; the result is for use inside tests. */
export function suiteSite(options: SiteOptions = {}): () => Site {
  let site: Site | undefined;
  if (postfixUnavailable() === false) {
    const scratch = suiteScratch();
    before(async () => {
      try {
        site = await startSite(scratch, options);
      } catch (problem) {
        // node:test runs no `after` when `before` fails.
        await scratch.close();
        throw problem;
      }
    });
    after(() => scratch.close());
  }
  return () => {
    if (site === undefined) throw new Error('the site does not run');
    return site;
  };
}

async function startSite(scratch: Scratch, options: SiteOptions): Promise<Site> {
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    socket: lmtpSocketIn(scratch),
    settings: {
      ...options.settings,
      lmtp: { group: 'postfix', ...options.settings?.lmtp },
      policy: { socket: policySocketIn(scratch), group: 'postfix', ...options.settings?.policy },
      delivery: { retry_first: '200ms', retry_longest: '1s', ...options.settings?.delivery },
    },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  const postfix = await startPostfix(scratch, await options.postfix?.(daemon, scratch));
  return { postfix, daemon, platform, scratch };
}

let threads = 0;

/** Mints an address of alice's in a thread of its own. */
export async function freshAddress(
  daemon: Daemon,
  options: Partial<MintOptions> = {},
): Promise<Minted & { readonly thread: string }> {
  threads += 1;
  const thread = `test/thread/${threads}`;
  return { ...(await daemon.mint({ user: ALICE.user, thread, ...options })), thread };
}
