/**
 * Notices as a site configures them: their texts, which `mailgw-ctl config check` reads too, and for the daemon what
 * drafts and sends them.
 */
import { randomBytes } from 'node:crypto';
import { mailServer, noticeSender } from '../config/config.ts';
import type { DraftNotice } from '../delivery/ending.ts';
import { type AuthorNotices, createAuthorNotices } from '../gate/author-notices.ts';
import { allForms } from '../mail/address.ts';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../mail/item-id.ts';
import { createDraftNotice } from '../notices/draft.ts';
import type { SendNotice } from '../notices/mailer.ts';
import { createNotifier as createNoticeSender, type Sending } from '../notices/notifier.ts';
import { type LoadedTexts, loadNoticeTexts } from '../notices/texts.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { Sender } from '../outbound/sender.ts';
import type { LeasedNotice } from '../store/notices.ts';
import type { Store } from '../store/store.ts';
import type { Config } from './config.ts';
import { noticeLoopToken } from './gate-rules.ts';
import type { Part, Site } from './site.ts';
import { tokenMask } from './token-mask.ts';

/** How often the store is looked at for notices. */
const POLL_MS = 1000;

/** Reads the texts of the site's notices, or gives every problem that they have. */
export function readNoticeTexts({ notice }: Config): LoadedTexts {
  return loadNoticeTexts(notice.texts, notice.language);
}

/** Makes a fresh id of a notice. */
function newNoticeId(): string {
  return formatItemId(Date.now(), randomBytes(ITEM_ID_RANDOM_BYTES));
}

/** Makes what drafts notices about attempts; undefined where the site wants none. */
export function openDraftNotice(config: Config, store: Store): DraftNotice | undefined {
  const { kinds } = config.notice;
  if (kinds.length === 0) return undefined;
  const content = (id: string): Promise<Uint8Array | undefined> => store.content(id);
  return createDraftNotice({ content, kinds, mask: tokenMask(config), newId: newNoticeId });
}

/** Makes what the gate tells authors by: of replies that came too late, are too large, or "strict" dropped. */
export function openAuthorNotices(config: Config, store: Store): AuthorNotices {
  const { kinds } = config.notice;
  const forms = allForms(config.reply);
  const { plusTags } = config.sender;
  const drafts = createAuthorNotices({ forms, plusTags, newId: newNoticeId, now: Date.now });
  const { expired, dropped, oversize } = drafts;
  return {
    ...(kinds.includes('expired') && { expired }),
    ...(kinds.includes('dropped') && { dropped }),
    ...(kinds.includes('oversize') && { oversize }),
    add: (notice) => store.addNotice(notice),
  };
}

/** The way in which notices are made and sent, as a part. */
const SENDING: Part<Sending> = {
  reads: ['notice', 'outbound.relay', 'reply', 'sender.plus_tags'],
  open: ({ settings: { config, texts } }) => {
    return { texts, send: openSendNotice(config), plusTags: config.sender.plusTags };
  },
};

/** Creates what sends notices, not yet started. */
export function createNotifier(site: Site, store: Store, log: Log, meter: Meter): Sender<LeasedNotice> {
  return createNoticeSender({
    store,
    sending: site.part(SENDING),
    log,
    meter,
    now: Date.now,
    random: Math.random,
    pollMs: POLL_MS,
  });
}

/** Loads the mailer with the first notice: most daemons send none for days. */
function openSendNotice(config: Config): SendNotice {
  const options = {
    place: mailServer(config),
    from: { address: noticeSender(config), name: config.notice.name },
    domain: config.reply.domain[0],
    loopToken: noticeLoopToken(config),
  };
  let loading: Promise<SendNotice> | undefined;
  const load = async (): Promise<SendNotice> => {
    const { createSendNotice } = await import('../notices/mailer.ts');
    return createSendNotice(options);
  };
  return async (mail, signal) => {
    loading ??= load();
    return (await loading)(mail, signal);
  };
}
