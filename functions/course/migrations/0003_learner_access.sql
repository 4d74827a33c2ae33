-- Who learns where, by enrolment: of two enrolments of one learner, the end of the first may come after the beginning of
-- the second. `learners` keeps those that were known before, whose enrolments nobody noted, until they end.
call hub.create_learner_access('course');
