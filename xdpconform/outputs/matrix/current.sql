-- SPDX-License-Identifier: MIT
-- Once all runs are read: nic.age, current, and the temporary table cell that pages are read from.
-- SQLite takes bare columns from the row that a lone min() or max() was found in:
-- https://sqlite.org/lang_select.html#bareagg

UPDATE nic SET age = ordered.age FROM (
    SELECT nic.id, row_number() OVER (
        ORDER BY nic.source = 'mock', run.started DESC, run.id DESC, nic.id DESC
    ) AS age
    FROM nic JOIN run ON run.id = nic.run
) AS ordered WHERE ordered.id = nic.id;

-- A number for each place, a driver's variant on a kernel, and for each device in one: sorting
-- numbers is cheap.
CREATE TEMP TABLE device AS
SELECT id AS nic, age,
       dense_rank() OVER (ORDER BY driver, variant, kernel) AS place,
       dense_rank() OVER (ORDER BY driver, variant, kernel, device) AS device
FROM nic ORDER BY device;

-- The least of these numbers is the newest run, and in it the worst row.
CREATE TEMP TABLE newest AS
SELECT device.place, device.device, result.requirement, min(device.age * 8 - outcome.rank),
       result.nic, device.age, result.param, result.outcome, result.level, outcome.support
FROM device JOIN result ON result.nic = device.nic JOIN outcome ON outcome.word = result.outcome
GROUP BY device.device, result.requirement;

INSERT INTO current
SELECT nic.driver, nic.variant, nic.kernel, nic.device, newest.requirement, newest.nic,
       newest.param, newest.outcome, newest.level
FROM newest JOIN nic ON nic.id = newest.nic
ORDER BY newest.rowid;

-- Of each requirement in each place the newest line, and whether those of other devices differ.
CREATE TEMP TABLE cell AS
SELECT requirement, min(age), nic, param, outcome, support, count(DISTINCT support) > 1 AS mixed
FROM newest GROUP BY place, requirement;

CREATE INDEX temp.cell_requirement ON cell (requirement);

DROP TABLE newest;
DROP TABLE device;
