/**
 * The parser as a site configures it, for the daemon and for `mailgw-ctl check` alike: what is tried out is what
 * would be posted.
 */

import { allForms } from '../mail/address.ts';
import type { Meter } from '../observe/meter.ts';
import { createParserPool } from '../reply/parser-pool.ts';
import type { ReplyParser } from '../reply/post.ts';
import type { Config } from './config.ts';
import type { Part } from './site.ts';

/** Creates the pool of parsers, `size` workers at most. */
export function openParser(config: Config, size: number, meter?: Meter): ReplyParser {
  const { mentions, references, commands, closing } = config.post;
  return createParserPool({
    size,
    onParsed: (ms) => meter?.observe('mailgw_parse_seconds', {}, ms / 1000),
    deadlineMs: config.delivery.parseTimeoutMs,
    attachments: config.attachments,
    post: {
      forms: allForms(config.reply),
      policy: {
        mentions: mentions === 'inert',
        references: references === 'inert',
        commands: commands === 'inert',
        closing: closing === 'inert',
      },
    },
  });
}

/** Makes the daemon's parser a part. */
export function parserPart(meter: Meter): Part<ReplyParser> {
  return {
    reads: [
      'reply.domain',
      'reply.prefix',
      'post',
      'attachments',
      'delivery.parser_workers',
      'delivery.parse_timeout',
    ],
    open: ({ settings: { config } }) => openParser(config, config.delivery.parserWorkers, meter),
    close: (parser) => parser.close(),
  };
}
