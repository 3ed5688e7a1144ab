/**
 * The secrets that the users' reply addresses rest on.
 *
 * Contract: a salt leaves this file as a fingerprint only, by which two outputs can be compared.
 */
import { randomBytes } from 'node:crypto';
import { parseDuration } from '../config/kinds.ts';
import { SALT_BYTES } from '../mail/token.ts';
import type { Session } from '../site/session.ts';
import type { User } from '../store/directory.ts';
import { invalid } from './fault.ts';
import { saltFingerprint } from './users.ts';

/** A longer grace than any address lives for says nothing. */
const MAX_GRACE_MS = 3650 * 86_400_000;

/** A salt that verifies, by fingerprint; `endsAt` is undefined for the current one. */
export interface ShownSalt {
  readonly user: string;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly endsAt: number | undefined;
}

/** Gives a user a new salt; addresses minted before work until `graceEndsAt`, or no longer at all. */
export async function rotateSalt(
  { store }: Session,
  user: User,
  now: number,
  graceEndsAt: number | undefined,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  await store.rotateSalt(user.name, salt, now, graceEndsAt);
  return saltFingerprint(salt);
}

/** Lists the salts that verify now. */
export async function listSalts({ store }: Session): Promise<readonly ShownSalt[]> {
  const now = Date.now();
  return (await store.listUsers()).flatMap((user) =>
    user.salts
      .filter(({ endsAt }) => endsAt === undefined || endsAt > now)
      .map(({ salt, createdAt, endsAt }) => ({
        user: user.name,
        fingerprint: saltFingerprint(salt),
        createdAt,
        endsAt,
      })),
  );
}

/** Reads until when addresses minted before are to work; undefined where they are void at once. */
export function readGraceEnd(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms > MAX_GRACE_MS) {
    throw invalid(
      'grace',
      `--grace "${text}": is not a duration such as "12h" or "7d", of at most ten years`,
    );
  }
  return ms === 0 ? undefined : now + ms;
}
