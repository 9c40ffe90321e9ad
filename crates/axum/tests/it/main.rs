//! The pages of a link and the API, over their routers.

mod api;
