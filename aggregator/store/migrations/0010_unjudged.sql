-- Why a direction of a flow has no score, by the numbers of common/wire/quality.h: 0 it has one, 1 too
-- little was seen, 2 the tap itself lost packets or sees one direction only. NULL as the columns of
-- quality are.
ALTER TABLE flow
    ADD COLUMN unjudged_c2s smallint,
    ADD COLUMN unjudged_s2c smallint;
