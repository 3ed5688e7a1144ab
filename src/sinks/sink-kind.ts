/**
 * A kind of sink: its settings, which are known before one is opened, and its code, which is loaded with the first one.
 */
import type { Setting } from '../config/kinds.ts';
import type { readSecretFile, readSecretText } from '../config/secret-file.ts';
import type { Post } from '../reply/post.ts';
import type { Sink } from './sink.ts';

/** The `[sink]` table as the file has it. */
export type SinkTable = Readonly<Record<string, unknown>>;

/** A kind of sink, as the catalogue has it. */
export interface SinkKind {
  /** Its settings by their names in the file, without `type`; undefined where its code alone knows them. */
  readonly settings: Readonly<Record<string, SinkSetting>> | undefined;
  /** Loads its code. */
  readonly load: () => Promise<SinkCode>;
}

/** A setting of a sink. */
export type SinkSetting = Setting<unknown> & {
  /** The default in words, where none can be written. */
  readonly unset?: string;
  /** Bytes that the secret has at least in a file that the setting names. */
  readonly leastBytes?: number;
  /** Its line in a new configuration. */
  readonly begins?: Beginning;
};

/** The lines that `init` writes of a setting into a new configuration, under a comment. */
export interface Beginning {
  readonly comment: string;
  /** The value, or the name of the file that is made. */
  readonly value: string;
  readonly makes?: NewSecret;
}

/** A secret file that `init` makes. */
export interface NewSecret {
  /** What it is, for people. */
  readonly what: string;
  /** Makes what is written into it; nothing where the platform gives the secret, and the admin writes it in. */
  readonly content: () => string;
}

/** The code of a kind. */
export interface SinkCode {
  /** Reads the table and opens the sink. */
  open(table: SinkTable, environment: SinkEnvironment): LoadedSink | Promise<LoadedSink>;
  /**
   * Shows what a sink of the table would send of a post, as far as it is known before the platform is asked. No secret is
   * read. Throws `NoPost` where the sink would send nothing.
   */
  preview(post: Post, table: SinkTable): Preview;
}

/** The sink, or every problem that its options have: lines that name the key, as the configuration's own are. */
export type LoadedSink =
  | { readonly ok: true; readonly sink: Sink }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The request that would be sent of a post. */
export interface Preview {
  /** The whole. */
  readonly body: unknown;
  /** What it says beside the text and the attachments. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The environment of a sink: what it takes from outside. */
export interface SinkEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Reads a secret file, or says what is wrong with it. */
  readonly readSecretFile: ReadSecretFile;
  /** The same for a secret that is text: a platform's own key. */
  readonly readSecretText: ReadSecretText;
  readonly onFault?: OnFault | undefined;
}

/** Reads the secret file that a key names, or says what is wrong with it in a line that names the key. */
export type ReadSecretFile = typeof readSecretFile;

/** Reads the secret text that a key names, or says what is wrong with it in a line that names the key. */
export type ReadSecretText = typeof readSecretText;

/** Hears of what a module did wrong where nothing depended on it. */
export type OnFault = (reason: string) => void;
