-- The models an agent may ask, preferred first: a JSON array of objects with `api`, `model`, `baseUrl`, `secretRef` (the
-- name of a secret, never its value; or null), `parameters` and `contextTokens`.
ALTER TABLE agent_profiles ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
