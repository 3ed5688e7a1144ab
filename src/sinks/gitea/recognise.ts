/**
 * The notifications of Gitea and Forgejo about issues and pull requests; not those about releases, runs and accounts, which
 * name no issue.
 */
import { headerValues } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';

/** The Message-ID: what it is about, and of a change without a comment when it was, in milliseconds. */
const ABOUT =
  /^<([\w.-]+\/[\w.-]+)\/(issues|pulls)\/(\d+)(?:\/comment\/\d+|\/(?:close|reopen|merge|ready)\/(\d{13}))?@[^@>]+>$/;

/** Recognises a notification by its Message-ID, and by the fields that have to agree with it. */
export const recognise: Recognise = ({ header }) => {
  const only = (name: string): string | undefined => {
    const [value, ...more] = headerValues(header, name);
    return more.length === 0 ? value : undefined;
  };
  const [, repository, kind, number, changedAt] = ABOUT.exec(only('message-id') ?? '') ?? [];
  if (repository === undefined || kind === undefined || number === undefined) return undefined;
  // Forgejo writes its fields under both names.
  const field = (name: string): string | undefined => only(`x-gitea-${name}`) ?? only(`x-forgejo-${name}`);
  if (field('repository-path') !== repository || field('issue-id') !== number) return undefined;
  return {
    thread: `${repository}/${kind}/${number}`,
    repliedTo: changedAt === undefined ? undefined : Number(changedAt),
  };
};
