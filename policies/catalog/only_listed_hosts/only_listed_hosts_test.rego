package only_listed_hosts_test

import data.ostiary.policies.only_listed_hosts as policy

hosts(set) := {m.host | some m in set}

some_listed := {"pass": ["*.debian.org", "intranet.bank.example"], "refuse": ["bad.debian.org"]}

test_as_shipped_nothing_is_said if {
	count(policy.pass) == 0 with data.only_listed_hosts as {"pass": [], "refuse": []}
	count(policy.refuse) == 0 with data.only_listed_hosts as {"pass": [], "refuse": []}
}

test_listed_hosts_pass if {
	hosts(policy.pass) == {"*.debian.org", "intranet.bank.example"} with data.only_listed_hosts as some_listed
}

test_all_others_are_refused if {
	"*" in hosts(policy.refuse) with data.only_listed_hosts as some_listed
}

test_named_hosts_are_refused if {
	hosts(policy.refuse) == {"*", "bad.debian.org"} with data.only_listed_hosts as some_listed
}

test_a_list_of_refused_hosts_alone_refuses_no_others if {
	hosts(policy.refuse) == {"bad.example"} with data.only_listed_hosts as {"pass": [], "refuse": ["bad.example"]}
}

test_each_refusal_has_a_reason if {
	every m in policy.refuse {
		endswith(m.reason, ".")
	} with data.only_listed_hosts as some_listed
}

test_lists_are_lists if {
	count(policy.invalid) == 2 with data.only_listed_hosts as {"pass": "*.debian.org"}
	count(policy.invalid) == 0 with data.only_listed_hosts as some_listed
}
