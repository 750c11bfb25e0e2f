std = "lua54"
max_line_length = 130
files["spec"] = { std = "+busted" }
files["policies"] = { read_globals = { "allow", "refuse" } } -- given by the sandbox
exclude_files = { "build" }
