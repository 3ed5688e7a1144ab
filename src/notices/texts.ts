/**
 * The texts of notices: one file for each kind and language, `empty.de.txt`, ours and the site's own.
 *
 * Contract: a site's file replaces ours of the same name, and a site may add a language. All are read and checked at
 * the start: a name or placeholder that means nothing, and a language in which a kind is missing, are problems, each
 * with its file. A kind that came later than the site's texts is none: it is told in another language, and the notes say
 * so. A language is two or three letters (RFC 5646 §2.2.1, the primary subtag).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  LATER_KINDS,
  NOTICE_KINDS,
  type NoticeKind,
  type NoticeTemplate,
  readTemplate,
} from '../mail/notice.ts';
import { errorText } from '../system/error-text.ts';

/** Where our own texts are: beside the source, in a checkout and in the package. */
const OWN_TEXTS = fileURLToPath(new URL('../../../src/notices/texts/', import.meta.url));

/** Our language that has every text. */
const LAST_RESORT = 'en';

const FILE_NAME = /^([a-z]+)\.([a-z]{2,3})\.txt$/;

/** The texts of a site. */
export interface NoticeTexts {
  /** Gives the text of a kind in this language, or else in the site's. */
  text(kind: NoticeKind, language: string | undefined): NoticeTemplate;
}

/** The texts with what is to be said of them, or every problem that they have. */
export type LoadedTexts =
  | { readonly ok: true; readonly texts: NoticeTexts; readonly notes: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads our texts and those of `directory`; `language` is the site's. */
export function loadNoticeTexts(directory: string | undefined, language: string): LoadedTexts {
  const templates = new Map<string, NoticeTemplate>();
  const problems: string[] = [];
  const notes: string[] = [];
  for (const each of directory === undefined ? [OWN_TEXTS] : [OWN_TEXTS, directory]) {
    readDirectory(each, templates, problems);
  }
  const languages = new Set([language, ...[...templates.keys()].map((key) => key.split('.')[1] ?? '')]);
  for (const each of languages) {
    const missing = NOTICE_KINDS.filter((kind) => !templates.has(`${kind}.${each}`));
    if (missing.length === 0) continue;
    const files = missing.map((kind) => `${kind}.${each}.txt`).join(', ');
    if (missing.every((kind) => LATER_KINDS.includes(kind))) {
      const others = missing.every((kind) => templates.has(`${kind}.${language}`)) ? language : LAST_RESORT;
      const what = missing.length === 1 ? ['is', 'that text'] : ['are', 'those texts'];
      notes.push(
        `notice.texts: ${directory ?? OWN_TEXTS}: lacks ${files}, which ${what[0]} new; users of "${each}" get ${what[1]} in "${others}"`,
      );
      continue;
    }
    problems.push(
      each === language
        ? `notice.language: "${language}" has no text in ${files}`
        : `notice.texts: ${directory ?? OWN_TEXTS}: lacks ${files} for the language "${each}"`,
    );
  }
  if (problems.length > 0) return { ok: false, problems };
  const text = (kind: NoticeKind, wanted: string | undefined): NoticeTemplate => {
    const order = [wanted ?? language, language, LAST_RESORT];
    const found = order.map((each) => templates.get(`${kind}.${each}`)).find((text) => text !== undefined);
    if (found === undefined) throw new Error(`no text for ${kind} in ${language}`);
    return found;
  };
  return { ok: true, texts: { text }, notes };
}

function readDirectory(directory: string, templates: Map<string, NoticeTemplate>, problems: string[]): void {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.txt'));
  } catch (error) {
    problems.push(`notice.texts: ${directory}: cannot be read: ${errorText(error)}`);
    return;
  }
  for (const name of names.sort()) {
    const problem = readText(join(directory, name), name, templates);
    if (problem !== undefined) problems.push(`notice.texts: ${join(directory, name)}: ${problem}`);
  }
}

function readText(path: string, name: string, templates: Map<string, NoticeTemplate>): string | undefined {
  const [, kind, language] = FILE_NAME.exec(name) ?? [];
  const known: readonly string[] = NOTICE_KINDS;
  if (kind === undefined || language === undefined || !known.includes(kind)) {
    return `is no notice's text; expected KIND.LANGUAGE.txt, KIND one of ${NOTICE_KINDS.join(', ')}`;
  }
  try {
    const read = readTemplate(readFileSync(path, 'utf8'));
    if (!read.ok) return read.problem;
    templates.set(`${kind}.${language}`, read.template);
    return undefined;
  } catch (error) {
    return `cannot be read: ${errorText(error)}`;
  }
}
