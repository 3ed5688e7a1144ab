/**
 * The free space of the store's file system, and whether it is below the low-water mark.
 *
 * Contract: `isLow` goes by the last look less what was taken since, and never touches the disk; the first look is
 * before `openDiskSpace` resolves, the others about once a second, in a thread of libuv's, one at a time. What
 * unprivileged processes may use counts, whoever runs mailgw.
 * Failure: a file system that does not answer counts as having space; the commit itself then says what is wrong.
 * Limits: what others write between two looks can go below the mark; SQLite's own "full" is the second line.
 */
import { statfs } from 'node:fs/promises';

/** How long after one look the next one comes. */
const LOOK_MS = 1000;

/** Times that a message is written before its first space is free again: to the log, and to the database. */
const COPIES = 2;

/** A watch over one file system. */
export interface DiskSpace {
  /** Tells whether less is free than the mark. */
  readonly isLow: () => boolean;
  /** Says that so many bytes are about to be stored, since the next look may be too late to notice. */
  readonly take: (bytes: number) => void;
  /** Ends the watch. */
  readonly close: () => void;
}

/** The options of the watch on disk space. */
export interface DiskSpaceOptions {
  readonly directory: string;
  /** Gives the mark in force. */
  readonly lowWaterBytes: () => number;
  /** Hears when a look finds the space below the mark, and when one finds it back. */
  readonly onChange: (isLow: boolean, freeBytes: number, lowWaterBytes: number) => void;
}

/** Begins a watch. */
export async function openDiskSpace({
  directory,
  lowWaterBytes,
  onChange,
}: DiskSpaceOptions): Promise<DiskSpace> {
  let freeBytes = Infinity;
  let isReportedLow = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const isLow = (): boolean => freeBytes < lowWaterBytes();
  const watch = async (): Promise<void> => {
    freeBytes = await freeBytesOf(directory).catch(() => Infinity);
    if (isClosed) return;
    if (isLow() !== isReportedLow) {
      isReportedLow = isLow();
      onChange(isReportedLow, freeBytes, lowWaterBytes());
    }
    timer = setTimeout(() => void watch(), LOOK_MS);
    timer.unref();
  };
  await watch();
  return {
    isLow,
    take: (bytes) => {
      freeBytes = Math.max(0, freeBytes - COPIES * bytes);
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
