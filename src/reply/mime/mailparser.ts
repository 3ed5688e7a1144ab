/**
 * mailparser, for what it is good at: unusual addresses, encoded-words and charsets that node lacks.
 *
 * Contract: it is loaded when the first such field comes: for two fields it costs 0.25 ms, as much as all the rest
 * (docs/decisions.md).
 */
import type { ParsedMail } from 'mailparser';

export type { AddressObject } from 'mailparser';

const MAILPARSER_OPTIONS = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipImageLinks: true,
  skipTextLinks: true,
} as const;

/** Parses a message made for it: line ends and other controls never reach it, as its fields come through `parsableField`. */
export async function parseByMailparser(message: string): Promise<ParsedMail> {
  const { simpleParser } = await import('mailparser');
  return simpleParser(message, MAILPARSER_OPTIONS);
}
