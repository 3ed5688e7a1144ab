/**
 * Who the store belongs to, and how root becomes that user before touching it.
 *
 * Contract: a command that root runs leaves no file that the daemon cannot write: before the store is opened the
 * process drops to the owner of the store's file, or of its directory where that file is root's or not there
 * yet. What only root may read (configuration, secrets, messages) must be read before. There is no way back.
 */
import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, EXIT, Fault, systemCode } from '../actions/fault.ts';

/** A user and a group by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Drops from root to the owner of the store at `path`; does nothing for anyone else, or where root owns it. */
export function becomeStoreOwner(path: string): void {
  if (process.getuid?.() !== 0) return;
  const owner = storeOwner(path);
  if (owner.uid === 0) return;
  try {
    process.setgroups?.([owner.gid]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
  } catch (error) {
    throw new Fault(
      EXIT.unavailable,
      `store.path: ${path}: cannot become its owner, user ${owner.uid}: ${describe(error)}; run the command as that user`,
    );
  }
}

function storeOwner(path: string): Owner {
  const directory = ownerOf(dirname(path), statSync);
  if (directory === undefined) {
    throw new Fault(
      EXIT.cannotCreate,
      `store.path: ${dirname(path)}: there is no such directory; "mailgw-ctl init" makes it`,
    );
  }
  // The link itself counts: a link that the service user made must not lead root to a file of somebody else.
  const file = ownerOf(path, lstatSync);
  return file === undefined || file.uid === 0 ? directory : file;
}

function ownerOf(path: string, stat: (path: string) => Owner): Owner | undefined {
  try {
    const { uid, gid } = stat(path);
    return { uid, gid };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new Fault(EXIT.inputOutput, `store.path: ${path}: ${describe(error)}`);
  }
}
