DROP TABLE appliance_order, asset, appliance_presence, appliance, provisioning_code, site, organisation, partner;
