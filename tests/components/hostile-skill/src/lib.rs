//! A skill that misbehaves on request.
