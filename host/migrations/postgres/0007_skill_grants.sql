-- What of a skill was granted: the digest over what it asks for and its component, as they were then. Where it is not that of
-- what is stored, nothing is granted until somebody grants it again (NULL: stored before there was one, and granted then).
ALTER TABLE agent_skills ADD COLUMN grant_digest TEXT;
