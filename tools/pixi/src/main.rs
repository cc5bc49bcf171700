// pixi's own command line, whole.
#[tokio::main]
async fn main() {
    if let Err(error) = pixi::cli::execute().await {
        eprintln!("{error:?}");
        std::process::exit(1)
    }
}
