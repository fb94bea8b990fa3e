//! An engine adapter that misbehaves on request.
