/**
 * What a command of mailgw-ctl is: its words, its options, examples that teach it, and the function it calls.
 *
 * Contract: a command parses its input, calls one thing and prints. It ends early by throwing a Fault; its
 * caller prints that and chooses the exit status. The words are data, so that help needs nothing heavy loaded.
 */
import type { Output } from './terminal/print.ts';

/** An option; `flags` as in `--thread <locator>`. */
export interface OptionSpec {
  readonly flags: string;
  readonly doc: string;
  readonly required?: boolean;
  /** May be given several times; its value is then a list. */
  readonly repeats?: boolean;
  /** All values there are, for completion. */
  readonly values?: readonly string[];
}

/** One command; `words` are its name and arguments, as in `add <user>`. */
export interface CommandSpec {
  readonly words: string;
  readonly summary: string;
  readonly options?: readonly OptionSpec[];
  /** All values that its argument may have, for completion. */
  readonly values?: readonly string[];
  /** Command lines without the program's name. */
  readonly examples: readonly string[];
  /** Does the work; ends early by throwing a Fault. */
  readonly run: (input: Input, context: Context) => Promise<void> | void;
}

/** Commands under one word. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandSpec[];
}

/** The parts of the program that every command is given beside its own input. */
export interface Context {
  readonly configPath: string;
  /** Whether `--config` was given. */
  readonly configGiven: boolean;
  readonly output: Output;
}

/** The arguments and options of one run. */
export class Input {
  readonly args: readonly string[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(args: readonly string[], options: Readonly<Record<string, unknown>>) {
    this.args = args;
    this.#options = options;
  }

  /** Gives the argument at `index`, which the command's words make mandatory. */
  argument(index = 0): string {
    const value = this.args[index];
    if (value === undefined) throw new Error(`argument ${index} is missing from the command's words`);
    return value;
  }

  /** Gives the value of an option; undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.#options[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Gives the value of an option that the command requires. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new Error(`option ${name} is not required by the command`);
    return value;
  }

  /** Tells whether a flag was given. */
  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  /** Tells whether a `--no-` flag was given, by its name without the `no`. */
  turnedOff(name: string): boolean {
    return this.#options[name] === false;
  }

  /** Lists the values of an option that repeats. */
  list(name: string): readonly string[] {
    const value = this.#options[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }
}
