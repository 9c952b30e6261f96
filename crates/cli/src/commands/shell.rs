//! `leanset completions` and `leanset man`: made from the arguments.

use crate::args::{CompletionsArgs, ManArgs};
use crate::error::Failure;
use crate::output::Outputs;

pub(crate) fn completions(args: &CompletionsArgs) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "leanset", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

pub(crate) fn man(args: &ManArgs) -> Result<String, Failure> {
    let failed = |error| Failure::io("the manual page cannot be written", &error);
    let Some(folder) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(crate::command()).render(&mut page).map_err(failed)?;
        return Ok(String::from_utf8_lossy(&page).into_owned());
    };
    std::fs::create_dir_all(folder).map_err(|e| Failure::io(&format!("{}: cannot be made", folder.display()), &e))?;
    // Pages are made anew from the program: replacing them loses nothing.
    let mut outputs = Outputs::new(true);
    let root = crate::command();
    let pages = root.get_subcommands().map(|verb| {
        let name: &'static str = format!("leanset-{}", verb.get_name()).leak();
        verb.clone().name(name).display_name(name)
    });
    let mut written = Vec::new();
    for page in std::iter::once(root.clone()).chain(pages) {
        let path = folder.join(format!("{}.1", page.get_name()));
        let mut text = Vec::new();
        clap_mangen::Man::new(page).render(&mut text).map_err(failed)?;
        outputs.stage(&path, |out| out.write_all(&text).map_err(failed))?;
        written.push(path);
    }
    outputs.commit()?;
    Ok(written.iter().map(|path| format!("{}\n", path.display())).collect())
}
