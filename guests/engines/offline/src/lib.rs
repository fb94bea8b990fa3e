//! An engine adapter without a model.
