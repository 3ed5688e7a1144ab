/**
 * What the daemon hears of its store's files, told to the log and kept for whoever answers mail.
 *
 * Contract: news that come before there is a log are told with it. A store that is lost stays so until a restart: what
 * was removed does not come back by itself, and a start reads everything anew.
 */
import type { Log } from '../observe/log.ts';
import type { StoreNews } from '../store/sqlite/store.ts';

/** The watch. Its life: `hear` any time, `tell` once. */
export class StoreWatch {
  readonly #untold: StoreNews[] = [];
  #log: Log | undefined;
  #loss: string | undefined;

  /** Says why nothing can be promised any more, if so. */
  readonly loss = (): string | undefined => this.#loss;

  /** Takes a piece of news. */
  readonly hear = (news: StoreNews): void => {
    if (news.news === 'lost') this.#loss = news.reason;
    if (this.#log === undefined) this.#untold.push(news);
    else write(this.#log, news);
  };

  /** Sends news to the log from now on. */
  tell(log: Log): void {
    this.#log = log;
    for (const news of this.#untold.splice(0)) write(log, news);
  }
}

function write(log: Log, news: StoreNews): void {
  switch (news.news) {
    case 'lost':
      log('store_failed', { reason: news.reason });
      return;
    case 'rescued':
      log(news.isSafe ? 'store_rescued' : 'store_not_rescued', { reason: news.what });
      return;
    case 'adopted':
      log('store_adopted', { from: news.from });
  }
}
