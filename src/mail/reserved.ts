/**
 * Locators that are ours and no platform's: they stand in the sealed addresses of digests and of containers.
 *
 * Contract: every one begins with {@link RESERVED_PREFIX}, which `address mint` refuses as a thread. A digest's id is
 * random; what it names is in the store. A container is the platform's own name of the place where threads begin.
 */

/** The beginning of every reserved locator. */
export const RESERVED_PREFIX = 'mailgw:';

const DIGEST = `${RESERVED_PREFIX}digest/`;
const COMPOSE = `${RESERVED_PREFIX}compose/`;

/** Tells whether a locator is reserved. */
export const isReserved = (locator: string): boolean => locator.startsWith(RESERVED_PREFIX);

/** Builds the locator of a digest. */
export const digestLocator = (id: string): string => `${DIGEST}${id}`;

/** Tells whether a locator is a digest's. */
export const isDigest = (locator: string): boolean => locator.startsWith(DIGEST);

/** Gives the platform's own name of a place: nothing of a digest, of a container's locator the container. */
export const placeName = (locator: string): string =>
  containerOf(locator) ?? (isReserved(locator) ? '' : locator);

/** Builds the locator of an address that starts threads in a container. */
export const composeLocator = (container: string): string => `${COMPOSE}${container}`;

/** Gives the container in which an address starts threads; undefined for any other locator. */
export function containerOf(locator: string): string | undefined {
  return locator.startsWith(COMPOSE) ? locator.slice(COMPOSE.length) : undefined;
}
