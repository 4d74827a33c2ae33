-- A version gets another master playlist when its captions change: which news is the newer one is said by its position
-- among the video's events.
alter table video_streaming.videos add column sequence bigint not null default 0;
