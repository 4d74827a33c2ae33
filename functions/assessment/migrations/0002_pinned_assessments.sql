-- Which published versions of a course have a quiz in them: its learners could not complete them without it.
create table assessment.pinned_assessments (
  assessment_id   text not null,
  version_id      text not null,
  course_id       text not null,
  organization_id text not null,
  primary key (assessment_id, version_id)
);
call hub.protect_tenant('assessment.pinned_assessments');
