/** The function of the database by which items are leaseed. */

/** The SQL that makes it. */
export const LEASE_SQL = '';
