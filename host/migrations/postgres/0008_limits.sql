-- What components may take: JSON objects of limits' names and values. Of a skill, what its folder asks for; of an agent, what its
-- tenant gave it; of a tenant, what the operator caps it at. An absent name asks for nothing.
ALTER TABLE agent_skills ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agent_profiles ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tenants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
