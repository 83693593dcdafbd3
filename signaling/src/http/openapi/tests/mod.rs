//! The document is made here, and held: against the file that is served, against the rules of OpenAPI 3.1, and against the routes.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod answers;
mod document;
mod operations;
mod routes;
mod rules;
