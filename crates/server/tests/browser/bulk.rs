//! A file is sent, and the page says how far it is.

use std::fs;

use fantoccini::Locator;

use crate::{
    server::Place,
    staff::{Look, Scripts, signed_in},
};

/// The answer is a download, so the page stays, and its line tells of each file anew.
#[tokio::test]
async fn the_page_says_how_far_a_file_is() {
    let _turn = crate::staff::alone().await;
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = signed_in(&server, Look::Desktop, Scripts::Run).await;
    staff.goto(&format!("{}/dashboard/bulk", server.url)).await;
    for (rows, told) in
        [("itmpl_identity\nnone\n", "Done: 2 lines, 1 with an error."), ("itmpl_identity\n", "Done: 1 line.")]
    {
        let file = place.file("inquiries.csv");
        fs::write(&file, format!("template-id\n{rows}")).unwrap();
        let field = staff.0.find(Locator::Id("file")).await.unwrap();
        field.send_keys(file.to_str().unwrap()).await.unwrap();
        staff.click("main form > button").await;
        staff.until("main [role=status]", told).await;
        // A second press within moments would be taken for a double click.
        staff.run("delete document.querySelector('main form').dataset.sent").await;
    }
    staff.close().await;
}
