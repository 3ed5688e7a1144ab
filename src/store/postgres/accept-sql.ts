/** The function of the database by which items are accepted. */

/** The SQL that makes it. */
export const ACCEPT_SQL = '';
