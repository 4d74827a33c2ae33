-- The title that the world knows: a draft's own is nobody's business until it is published.
alter table course.courses add column published_title text;
update course.courses c set published_title = v.title
from course.versions v where v.version_id = c.published_version_id;
