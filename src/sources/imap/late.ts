/**
 * The mailboxes, whose code is loaded with the first `[[imap]]` that a site has, at its start or by a reload.
 *
 * Contract: without a mailbox nothing of imapflow's is in memory. Failure: code that cannot be loaded is logged for each
 * mailbox, and the next reload tries again.
 */
import type { Intake, Source, SourceView } from '../source.ts';
import type { MessageLimit } from '../source-settings.ts';
import type { Mailreading } from './open.ts';
import type { ImapSection } from './settings.ts';

/** The mailboxes, loaded or not. */
class LateMailreading implements Source {
  #loading: Promise<Mailreading> | undefined;
  #loaded: Mailreading | undefined;

  /** Brings the mailboxes in line with the configuration; without any, and before the first, there is nothing to load. */
  change(intake: Intake<ImapSection & MessageLimit>): void {
    if (this.#loaded !== undefined) {
      this.#loaded.change();
      return;
    }
    if (this.#loading !== undefined || intake.config().imap.each.length === 0) return;
    this.#loading = load(intake);
    this.#loading.then(
      (loaded) => {
        this.#loaded = loaded;
        loaded.change();
      },
      (error: unknown) => {
        // A file of the installation is missing or broken: the next reload tries again.
        this.#loading = undefined;
        for (const { name } of intake.config().imap.each)
          intake.log('source_down', { source: name, state: 'broken', reason: String(error) }, 'error');
      },
    );
  }

  views(): readonly SourceView[] {
    return this.#loaded?.views() ?? [];
  }

  sync(name: string): boolean {
    return this.#loaded?.sync(name) ?? false;
  }

  async stop(withinMs: number): Promise<void> {
    const loaded = await this.#loading?.catch(() => undefined);
    await loaded?.stop(withinMs);
  }
}

async function load(intake: Intake<ImapSection & MessageLimit>): Promise<Mailreading> {
  const { Mailreading: Loaded } = await import('./open.ts');
  return new Loaded(intake);
}

/** Opens the mailboxes, and follows what a reload changes of them. */
export function openMailreading(intake: Intake<ImapSection & MessageLimit>): Source {
  const late = new LateMailreading();
  intake.follow('imap', () => {
    late.change(intake);
  });
  return late;
}
