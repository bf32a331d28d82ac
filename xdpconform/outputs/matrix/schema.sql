-- SPDX-License-Identifier: MIT
-- index.sqlite: certificates as rows. It is made anew from their folders each time.

PRAGMA user_version = 1;

-- A folder with its results.json.
CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    folder    TEXT NOT NULL,     -- from the site's folder
    page      TEXT NOT NULL,     -- a link to its page, from the site's folder
    digest    TEXT NOT NULL,     -- SHA-256 of results.json
    statement INTEGER NOT NULL,  -- 1: it has one, which names this digest
    signed    INTEGER NOT NULL,  -- 1: there is a signature; not checked here
    started   TEXT NOT NULL,     -- RFC 3339, in UTC
    level     TEXT NOT NULL,     -- asked for
    tool      TEXT NOT NULL      -- its name and version
) STRICT;

-- A NIC in a run.
CREATE TABLE nic (
    id             INTEGER PRIMARY KEY,
    run            INTEGER NOT NULL REFERENCES run,
    name           TEXT NOT NULL,     -- its id in results.json
    source         TEXT NOT NULL,     -- kernel, recording, mock
    driver         TEXT NOT NULL,     -- empty: without a name
    variant        TEXT NOT NULL,     -- of the driver, as its profile says; empty: none
    kernel         TEXT NOT NULL,     -- the release
    device         TEXT NOT NULL,     -- interface, PCI ids or kind of link, address on its bus
    firmware       TEXT,
    profile        TEXT,
    profile_digest TEXT,
    verdict        TEXT NOT NULL,     -- CONFORMS, FAILS, INCOMPLETE
    missing        INTEGER NOT NULL,  -- requirements that were not run
    age            INTEGER NOT NULL DEFAULT 0  -- 1 is the newest of all; a mock is older than any NIC
) STRICT;

-- A flag that a NIC claims.
CREATE TABLE claim (
    nic   INTEGER NOT NULL REFERENCES nic,
    state TEXT NOT NULL,  -- idle, attached
    flag  TEXT NOT NULL,
    PRIMARY KEY (nic, state, flag)
) STRICT, WITHOUT ROWID;

-- A line of results.json; its evidence stays there.
CREATE TABLE result (
    nic         INTEGER NOT NULL REFERENCES nic,
    requirement TEXT NOT NULL,
    param       TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    kind        TEXT,
    level       TEXT NOT NULL,
    expected    TEXT NOT NULL,
    observed    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (nic, requirement, param)
) STRICT, WITHOUT ROWID;

CREATE TABLE requirement (
    id    TEXT PRIMARY KEY,
    title TEXT NOT NULL  -- as the last certificate read has it
) STRICT, WITHOUT ROWID;

-- What outcomes are called here; of the rows of a requirement the one with the highest rank counts.
CREATE TABLE outcome (
    word    TEXT PRIMARY KEY,
    support TEXT NOT NULL,  -- y, a, n, u, -
    rank    INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- A folder that could not be read.
CREATE TABLE left_out (
    folder TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- What is known today: of each device under a driver on a kernel, and each requirement, the worst
-- row in the newest run that tried it.
CREATE TABLE current (
    driver      TEXT NOT NULL,
    variant     TEXT NOT NULL,
    kernel      TEXT NOT NULL,
    device      TEXT NOT NULL,
    requirement TEXT NOT NULL,
    nic         INTEGER NOT NULL REFERENCES nic,
    param       TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    level       TEXT NOT NULL,
    PRIMARY KEY (driver, variant, kernel, device, requirement)
) STRICT, WITHOUT ROWID;
