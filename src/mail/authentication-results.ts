/**
 * One Authentication-Results field: who wrote it, the results in it, and the doubt where it has two readings.
 *
 * Contract: filters repeat what a sender chose (reverse-path, HELO, tags of a signature) in comments and values, and
 * not all of them quote it well. So a field counts only where every reader finds the same results in it: comments do
 * not nest and hold pairs of quotes, nothing is escaped, a quoted string hides no delimiter, and a value that names
 * something has only characters of addresses, domains and base64. What breaks that, or the grammar, is in doubt.
 * Failure: `undefined` where not even the authserv-id can be read; else `doubt` says what is wrong.
 * Standards: RFC 8601 §2.2, RFC 5322 §3.2. Limits: 100 results; linear time.
 */

import { Lexer } from './lexer.ts';

/** One result of one method: keywords in lower case, properties as `ptype.property` in lower case. */
export interface MethodResult {
  readonly method: string;
  readonly result: string;
  readonly properties: ReadonlyMap<string, string>;
}

/** One Authentication-Results field; `authservId` in lower case. */
export interface AuthenticationResults {
  readonly authservId: string;
  /** The results as RFC 8601 reads them; none where the field breaks its grammar. */
  readonly results: readonly MethodResult[];
  /** Why the field proves nothing, in words for the log; undefined where it has one reading. */
  readonly doubt?: string;
}

const MAX_RESULTS = 100;
const TOKEN = /[^\s()<>@,;:\\"/[\]?=]+/y;
const DIGITS = /\d+/y;
const KEYWORD = /[a-z0-9][a-z0-9_-]*/iy;
const PLAIN_VALUE = /[^\s;"()]+/y;

/** Tab is the one control that may stand in a field. */
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/;
/** What addresses, domains, address literals, base64 and selectors are made of. */
const SAFE_VALUE = /^[\p{L}\p{M}\p{N}!#$%&'*+\-/=?^_`{|}~.@:[\]<>,]*$/u;
const PLAIN_ASCII = /^[\w.@+=/-]*$/;
const BEFORE_QUOTE = /[=\s]/;
const DELIMITER = /[()"]/g;
const AFTER_QUOTE = /[;\s]/;

/** Parses the unfolded value of an Authentication-Results field; `undefined` when it names no authserv-id. */
export function parseAuthenticationResults(value: string): AuthenticationResults | undefined {
  const lexer = new Lexer(value);
  if (!lexer.skipSpace()) return undefined;
  const id = lexer.next === '"' ? lexer.quotedString() : lexer.run(TOKEN);
  // "spf=pass …" is a field without an id, as Microsoft writes it.
  if (id === undefined || id === '' || lexer.next === '=') return undefined;
  const authservId = id.toLowerCase();
  const version = readVersion(lexer);
  // RFC 8601 §2.5: a version that we do not know says nothing, good or bad.
  if (version !== undefined && version !== '' && version !== '1') return { authservId, results: [] };
  const aside = authservId === AMAZON_SES ? SPF_REMARK : undefined;
  return withDoubt(authservId, value, version === undefined ? undefined : readResults(lexer, aside));
}

function withDoubt(
  authservId: string,
  value: string,
  results: MethodResult[] | undefined,
): AuthenticationResults {
  if (results === undefined) return { authservId, results: [], doubt: 'it breaks the grammar' };
  const doubt = doubtOfText(value) ?? doubtOfResults(results);
  return doubt === undefined ? { authservId, results } : { authservId, results, doubt };
}

/**
 * The id of Amazon SES, which cuts what is about SPF at semicolons (read in mail of 2020 to 2026): `spf=… (…)
 * client-ip=…; envelope-from=…; helo=…; dkim=…`.
 */
const AMAZON_SES = 'amazonses.com';
const SPF_REMARK = /(?:envelope-from|helo)=[^\s;()"\\]*(?=\s*(?:;|$))/iy;
const ENVELOPE_FROM = /^envelope-from=(.*)$/i;

/** How such a field begins: with a method, and so without an id. */
const WITHOUT_ID = /^\s*[a-z][a-z0-9-]*=/i;
/** The domain of the recipient, which such fields of some years had before each method but the first. */
const RECIPIENT_DOMAIN = /[a-z0-9.-]+(?=\s*(?:;|$))/iy;

/**
 * Parses the value of a field that has no authserv-id, as Exchange Online writes it; `undefined` for any other. Its id
 * is empty, which no filter's is. The form was read in mail of 2021 to 2026: `spf=… (sender IP is …) smtp.mailfrom=…;
 * dkim=… header.d=…;dmarc=… action=… header.from=…;compauth=… reason=…`.
 */
export function parseResultsWithoutId(value: string): AuthenticationResults | undefined {
  if (!WITHOUT_ID.test(value)) return undefined;
  return withDoubt('', value, readResults(new Lexer(`;${value}`), RECIPIENT_DOMAIN));
}

/** Tells whether a value that a sender may have chosen is free of characters that end a value for some reader. */
export function isSafeValue(value: string): boolean {
  return PLAIN_ASCII.test(value) || SAFE_VALUE.test(value);
}

/** Finds what readers of comments, quotes and escapes could take in two ways. */
function doubtOfText(value: string): string | undefined {
  if (CONTROL.test(value)) return 'a control character';
  if (value.includes('\\')) return 'a backslash';
  DELIMITER.lastIndex = 0;
  for (let found = DELIMITER.exec(value); found !== null; found = DELIMITER.exec(value)) {
    const [character] = found;
    const at = found.index;
    if (character === ')') return 'a parenthesis that nothing opened';
    const end = character === '(' ? commentEnd(value, at) : quoteEnd(value, at);
    if (typeof end === 'string') return end;
    DELIMITER.lastIndex = end + 1;
  }
  return undefined;
}

/** A comment that text follows without white space is one that a sender, who may write no white space, opened. */
const AFTER_COMMENT = /[;\s]/;

function commentEnd(value: string, start: number): number | string {
  let quotes = 0;
  for (let at = start + 1; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === '(') return 'a comment within a comment';
    if (character === '"') quotes++;
    if (character !== ')') continue;
    if (quotes % 2 !== 0) return 'a quote that a comment cuts off';
    return at + 1 === value.length || AFTER_COMMENT.test(value.charAt(at + 1))
      ? at
      : 'text right behind a comment';
  }
  return 'a comment that never closes';
}

function quoteEnd(value: string, start: number): number | string {
  let depth = 0;
  for (let at = start + 1; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === ';') return 'a semicolon within quotes';
    if (character === '(') depth++;
    if (character === ')' && --depth < 0) return 'a parenthesis within quotes';
    if (character !== '"') continue;
    if (depth > 0) return 'a parenthesis within quotes';
    const stands =
      (start === 0 || BEFORE_QUOTE.test(value.charAt(start - 1))) &&
      (at + 1 === value.length || AFTER_QUOTE.test(value.charAt(at + 1)));
    return stands ? at : 'a value that is quoted in part';
  }
  return 'a quote that never closes';
}

/** Finds values that no honest sender needs, and results of which a filter writes one. */
function doubtOfResults(results: readonly MethodResult[]): string | undefined {
  const once = new Set<string>();
  for (const { method, properties } of results) {
    for (const [name, value] of properties) {
      // Reasons are the filter's own words.
      if (name !== 'reason' && !isSafeValue(value)) return `an odd character in ${name}`;
    }
    const key = method === 'spf' && !properties.has('smtp.mailfrom') ? 'spf of another name' : method;
    if ((key === 'dmarc' || key === 'spf') && once.has(key)) return `${key} is reported twice`;
    once.add(key);
  }
  return undefined;
}

/** Reads the version and the space around it; undefined when a comment is open. */
function readVersion(lexer: Lexer): string | undefined {
  if (!lexer.skipSpace()) return undefined;
  const version = lexer.run(DIGITS);
  return lexer.skipSpace() ? version : undefined;
}

/** Reads results up to the end; what `aside` matches is none, and may be the path that SPF was asked about. */
function readResults(lexer: Lexer, aside?: RegExp): MethodResult[] | undefined {
  const results: MethodResult[] = [];
  while (!lexer.atEnd()) {
    if (!lexer.take(';') || !lexer.skipSpace() || results.length === MAX_RESULTS) return undefined;
    // An empty entry, as after a trailing semicolon, is common and says nothing.
    if (lexer.atEnd() || lexer.next === ';') continue;
    const remark = aside === undefined ? '' : lexer.run(aside);
    if (remark !== '') {
      addPath(results, ENVELOPE_FROM.exec(remark)?.[1]);
      if (!lexer.skipSpace()) return undefined;
      continue;
    }
    const result = readResult(lexer);
    if (result === undefined) return undefined;
    if (result !== 'none') results.push(result);
  }
  return results;
}

/** Adds a path to the result of SPF right before it, which has none. */
function addPath(results: MethodResult[], path: string | undefined): void {
  const last = results.at(-1);
  if (path === undefined || last?.method !== 'spf' || last.properties.has('smtp.mailfrom')) return;
  results[results.length - 1] = {
    ...last,
    properties: new Map([...last.properties, ['smtp.mailfrom', path]]),
  };
}

/** Reads `method=result` with its reason and properties up to the next semicolon. */
function readResult(lexer: Lexer): MethodResult | 'none' | undefined {
  const method = lexer.run(KEYWORD).toLowerCase();
  if (method === '' || !lexer.skipSpace()) return undefined;
  if (method === 'none' && (lexer.atEnd() || lexer.next === ';')) return 'none';
  const version = lexer.take('/') ? readVersion(lexer) : '1';
  if (version === undefined || !lexer.take('=') || !lexer.skipSpace()) return undefined;
  const result = lexer.run(KEYWORD).toLowerCase();
  if (result === '' || !lexer.skipSpace()) return undefined;
  const properties = readProperties(lexer);
  if (properties === undefined) return undefined;
  return version === '1' ? { method, result, properties } : 'none';
}

/** Reads `reason=…` and `ptype.property=value` pairs; a property given twice makes the field malformed. */
function readProperties(lexer: Lexer): Map<string, string> | undefined {
  const properties = new Map<string, string>();
  while (!lexer.atEnd() && lexer.next !== ';') {
    const name = readPropertyName(lexer);
    const value = name === undefined ? undefined : readValue(lexer);
    if (name === undefined || value === undefined || properties.has(name)) return undefined;
    properties.set(name, value);
  }
  return properties;
}

function readPropertyName(lexer: Lexer): string | undefined {
  let name = lexer.run(KEYWORD);
  if (name === '' || !lexer.skipSpace()) return undefined;
  if (lexer.take('.')) {
    if (!lexer.skipSpace()) return undefined;
    name += `.${lexer.run(KEYWORD)}`;
    if (!lexer.skipSpace()) return undefined;
  }
  return lexer.take('=') && lexer.skipSpace() ? name.toLowerCase() : undefined;
}

/** Reads a property's value, a quoted local part included, and the space after it. */
function readValue(lexer: Lexer): string | undefined {
  let value = '';
  while (!lexer.atEnd()) {
    const isQuoted = lexer.next === '"';
    const part = isQuoted ? lexer.quotedString() : lexer.run(PLAIN_VALUE);
    if (part === undefined) return undefined;
    if (part === '' && !isQuoted) break;
    value += part;
  }
  // A comment that opens within a word is one only for readers of RFC 5322.
  return lexer.next !== '(' && lexer.skipSpace() ? value : undefined;
}
