/** What hides the tokens of a site's reply addresses wherever something is shown. */
import { allForms } from '../mail/address.ts';
import { createTokenMask } from '../mail/token-mask.ts';
import type { Config } from './config.ts';

/** Hides the site's tokens in a text. */
export function tokenMask({ reply }: Config): (text: string) => string {
  return createTokenMask(allForms(reply));
}
